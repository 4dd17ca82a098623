# A fleet that is there already, as far as the sandbox's AWS endpoint serves it:
# the target group is imported, its targets are registered anew, which changes
# nothing.
variable "deregistration_delay" { type = number }
variable "instances" {
  type = list(object({ id = string, name = string, zone = string, address = string }))
}

import {
  to = aws_lb_target_group.service
  id = var.target_group
}

resource "aws_lb_target_group" "service" {
  name                 = "growl-backend-${var.environment}"
  port                 = 8080
  protocol             = "TCP"
  vpc_id               = "vpc-00000000000000000"
  deregistration_delay = var.deregistration_delay
  tags                 = { Service = "growl-backend" }

  # The sandbox describes its health check in its own, faster time.
  lifecycle {
    ignore_changes = [health_check]
  }
}

resource "aws_lb_target_group_attachment" "service" {
  for_each = { for i in var.instances : i.name => i.id }

  target_group_arn = aws_lb_target_group.service.arn
  target_id        = each.value
  port             = 8080
}

# Images are in one region for all environments.
provider "aws" {
  alias  = "registry"
  region = var.registry_region
}

data "aws_ecr_repository" "service" {
  provider = aws.registry

  name = "growl-backend"
}

# In place of the instances, whose user data would hold the env file.
resource "terraform_data" "env" {
  input = filesha256(local.env_file)
}

output "repository" { value = data.aws_ecr_repository.service.repository_url }
output "target_groups" { value = [aws_lb_target_group.service.arn] }
output "instances" { value = var.instances }
