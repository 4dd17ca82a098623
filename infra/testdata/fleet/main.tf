terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  region = "us-west-1"
}

variable "environment" { type = string }
variable "owner" { type = string }

resource "aws_instance" "service" {
  for_each = toset(["one", "two"])

  ami                         = "ami-0aaaaaaaaaaaaaaaa"
  instance_type               = "m5.large"
  user_data                   = sensitive(file("${path.module}/env"))
  user_data_replace_on_change = true

  tags = {
    Name               = each.key
    "env-sha256"       = filesha256("${path.module}/env")
    "firstboot-sha256" = filesha256("${path.module}/boot")
  }
}

resource "aws_lb_target_group_attachment" "service" {
  for_each = aws_instance.service

  target_group_arn = "arn:aws:elasticloadbalancing:us-west-1:123456789012:targetgroup/growl/0123456789abcdef"
  target_id        = each.value.id
  port             = 8080
}

resource "aws_ecr_repository" "service" {
  name = "growl-backend"
  tags = { owner = var.owner }
}

output "environment" { value = var.environment }
output "region" { value = "us-west-1" }
output "registry_region" { value = "us-west-1" }
output "repository" { value = aws_ecr_repository.service.repository_url }
output "load_balancer" { value = "growl.example:80" }
output "target_groups" { value = ["arn:aws:elasticloadbalancing:us-west-1:123456789012:targetgroup/growl/0123456789abcdef"] }
output "user" { value = "deploy" }
output "somebody_elses" { value = 1 }
output "instances" {
  value = [for name, i in aws_instance.service : { id = i.id, name = name, zone = i.availability_zone, address = i.private_ip }]
}
