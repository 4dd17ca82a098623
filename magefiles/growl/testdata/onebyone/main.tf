# Instances that Terraform makes, in a target group that is there already.
variable "repository" { type = string }
variable "names" { type = set(string) }

resource "aws_instance" "service" {
  for_each = var.names

  ami                         = "ami-0aaaaaaaaaaaaaaaa"
  instance_type               = "m5.large"
  user_data                   = sensitive(file(local.env_file))
  user_data_replace_on_change = true

  tags = {
    Name         = each.key
    "env-sha256" = filesha256(local.env_file)
  }
}

resource "aws_lb_target_group_attachment" "service" {
  for_each = aws_instance.service

  target_group_arn = var.target_group
  target_id        = each.value.id
  port             = 8080
}

output "repository" { value = var.repository }
output "target_groups" { value = [var.target_group] }
output "instances" {
  value = [for name, i in aws_instance.service : { id = i.id, name = name, zone = i.availability_zone, address = i.private_dns }]
}
