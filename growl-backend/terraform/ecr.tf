locals {
  repository_name = "growl-backend"

  repository = local.makes_shared ? {
    url = aws_ecr_repository.service[0].repository_url
    arn = aws_ecr_repository.service[0].arn
    } : {
    url = data.aws_ecr_repository.service[0].repository_url
    arn = data.aws_ecr_repository.service[0].arn
  }
}

resource "aws_ecr_repository" "service" {
  count    = local.makes_shared ? 1 : 0
  provider = aws.registry

  name = local.repository_name

  # latest and deployed-ENVIRONMENT move.
  image_tag_mutability = "MUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }
}

data "aws_ecr_repository" "service" {
  count    = local.makes_shared ? 0 : 1
  provider = aws.registry

  name = local.repository_name
}

# A rule with a lower priority never takes an image that a higher one matched.
# The first two match what is in use and expire nothing: each prefix has one
# image, and they keep more than that.
resource "aws_ecr_lifecycle_policy" "service" {
  count    = local.makes_shared ? 1 : 0
  provider = aws.registry

  repository = aws_ecr_repository.service[0].name
  policy = jsonencode({
    rules = [
      {
        rulePriority = 1
        description  = "never expire what environments run"
        selection    = { tagStatus = "tagged", tagPatternList = ["deployed-*"], countType = "imageCountMoreThan", countNumber = 1000 }
        action       = { type = "expire" }
      },
      {
        rulePriority = 2
        description  = "never expire latest"
        selection    = { tagStatus = "tagged", tagPatternList = ["latest"], countType = "imageCountMoreThan", countNumber = 1000 }
        action       = { type = "expire" }
      },
      {
        rulePriority = 3
        description  = "keep the last 50 images"
        selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 50 }
        action       = { type = "expire" }
      },
    ]
  })
}
