locals {
  name = "growl-backend-${var.environment}"

  tags = {
    Project     = "growl-backend"
    Environment = var.environment
    ManagedBy   = "terraform"
  }

  deploy_user = "deploy"
}

data "aws_caller_identity" "current" {}
