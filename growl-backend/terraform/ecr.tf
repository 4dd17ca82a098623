# The image repository is in the state of the folder shared, because all environments pull from it.
data "aws_ecr_repository" "service" {
  provider = aws.registry

  name = "growl-backend"
}

# Older versions of this configuration kept what is shared in dev's state. It is forgotten there and not destroyed.
removed {
  from = aws_ecr_repository.service

  lifecycle {
    destroy = false
  }
}

removed {
  from = aws_ecr_lifecycle_policy.service

  lifecycle {
    destroy = false
  }
}

removed {
  from = aws_iam_openid_connect_provider.github

  lifecycle {
    destroy = false
  }
}
