locals {
  name = "growl-backend-${var.environment}"

  tags = {
    Project     = "growl-backend"
    Environment = var.environment
    ManagedBy   = "terraform"
  }

  # dev makes what the account has once; prod reads it.
  makes_shared = var.environment == "dev"

  deploy_user = "deploy"
}

data "aws_caller_identity" "current" {}
