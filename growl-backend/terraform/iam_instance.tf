# Each instance has a role of its own, so that it can read its own SSH host key and no other instance's.
resource "aws_iam_role" "instance" {
  for_each = var.instances

  name        = "${local.name}-instance-${each.key}"
  description = "What ${each.key} may do: pull its image, read its SSH host key and the env file"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "instance" {
  for_each = var.instances

  name = "first-boot"
  role = aws_iam_role.instance[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Login"
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken"]
        Resource = ["*"]
      },
      {
        Sid      = "Pull"
        Effect   = "Allow"
        Action   = ["ecr:BatchGetImage", "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer"]
        Resource = [data.aws_ecr_repository.service.arn]
      },
      {
        Sid    = "Parameters"
        Effect = "Allow"
        Action = ["ssm:GetParameter"]
        Resource = [
          "arn:aws:ssm:${var.region}:${local.account}:parameter${local.host_keys}/${each.key}",
          aws_ssm_parameter.env.arn,
        ]
      },
    ]
  })
}

resource "aws_iam_instance_profile" "instance" {
  for_each = var.instances

  name = aws_iam_role.instance[each.key].name

  # Through the policy, so that an instance, also one that a targeted apply makes, boots with its permissions in place.
  role = aws_iam_role_policy.instance[each.key].role
}
