# What the configurations of tests have in common. The name of the state's bucket comes from outside, as in the product.
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }

  backend "s3" {
    key            = "growl-backend/terraform.tfstate"
    region         = "us-west-1"
    encrypt        = true
    use_lockfile   = true
    use_path_style = true
  }
}

provider "aws" {
  region = var.region
}

variable "environment" { type = string }
variable "region" { type = string }
variable "registry_region" { type = string }
variable "load_balancer" { type = string }
variable "target_group" { type = string }
variable "user" { type = string }
variable "state_bucket" { type = string }

locals {
  env_file = "${path.module}/.env.${var.environment}"
}

output "environment" { value = var.environment }
output "region" { value = var.region }
output "registry_region" { value = var.registry_region }
output "load_balancer" { value = var.load_balancer }
output "user" { value = var.user }
