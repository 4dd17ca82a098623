# Deploys read the fleet from these outputs: fleet.Fleet in Go has a field for each that they need.

output "environment" {
  value = var.environment
}

output "region" {
  value = var.region
}

output "registry_region" {
  value = var.registry_region
}

output "repository" {
  description = "HOST/NAME of the image repository."
  value       = data.aws_ecr_repository.service.repository_url
}

output "load_balancer" {
  description = "HOST:PORT that clients use."
  value       = "${aws_lb.main.dns_name}:${local.listener.port}"
}

output "target_groups" {
  description = "ARNs of the target groups that instances are in."
  value       = [aws_lb_target_group.service.arn]
}

output "instances" {
  description = "In the order of their names. address is where SSH is reached inside the VPC."
  value = [
    for name in sort(keys(var.instances)) : {
      id      = aws_instance.service[name].id
      name    = name
      zone    = aws_instance.service[name].availability_zone
      address = var.instances[name].address
    }
  ]
}

output "user" {
  description = "Who logs in on the instances."
  value       = local.deploy_user
}

output "service_port" {
  description = "Port of the service on the instances."
  value       = var.service_port
}

output "alarms" {
  description = "CloudWatch alarms, by name, that refuse a deploy or halt it."
  value       = var.alarms
}

output "health_alarms" {
  description = "CloudWatch alarms, by name, that halt a deploy only if they go into alarm while it runs."
  value       = [aws_cloudwatch_metric_alarm.unhealthy_hosts.alarm_name]
}

# For the workflows.

output "github_role" {
  description = "ARN of the role that GitHub Actions takes."
  value       = aws_iam_role.github.arn
}

output "instance_connect_endpoint" {
  description = "ID for `aws ec2-instance-connect open-tunnel --instance-connect-endpoint-id`."
  value       = aws_ec2_instance_connect_endpoint.main.id
}
