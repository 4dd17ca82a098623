resource "aws_ecr_repository" "service" {
  name = "growl-backend"

  # latest and deployed-ENVIRONMENT move.
  image_tag_mutability = "MUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }
}

import {
  for_each = contains(var.existing, "repository") ? ["growl-backend"] : []

  to = aws_ecr_repository.service
  id = each.value
}

# A rule with a lower priority never takes an image that a higher one matched.
# The first two match what is in use and expire nothing: each prefix has one
# image, and they keep more than that.
resource "aws_ecr_lifecycle_policy" "service" {
  repository = aws_ecr_repository.service.name
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
