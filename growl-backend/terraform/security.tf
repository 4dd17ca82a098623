resource "aws_security_group" "load_balancer" {
  name        = "${local.name}-load-balancer"
  description = "Clients to the load balancer"
  vpc_id      = aws_vpc.main.id

  tags = { Name = "${local.name}-load-balancer" }
}

resource "aws_security_group" "instance" {
  name        = "${local.name}-instance"
  description = "The load balancer and deployers to the instances"
  vpc_id      = aws_vpc.main.id

  tags = { Name = "${local.name}-instance" }
}

resource "aws_security_group" "instance_connect" {
  name        = "${local.name}-instance-connect"
  description = "The Instance Connect endpoint to the instances"
  vpc_id      = aws_vpc.main.id

  tags = { Name = "${local.name}-instance-connect" }
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each = toset(var.client_cidrs)

  security_group_id = aws_security_group.load_balancer.id
  description       = "Clients"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = local.listener.port
  to_port           = local.listener.port
}

resource "aws_vpc_security_group_egress_rule" "load_balancer_to_service" {
  security_group_id            = aws_security_group.load_balancer.id
  description                  = "Traffic and health checks"
  referenced_security_group_id = aws_security_group.instance.id
  ip_protocol                  = "tcp"
  from_port                    = var.service_port
  to_port                      = var.service_port
}

# Clients keep their own addresses through the load balancer. A rule that names
# its security group lets them in all the same, and nobody who goes round it.
resource "aws_vpc_security_group_ingress_rule" "service" {
  security_group_id            = aws_security_group.instance.id
  description                  = "Clients through the load balancer, and its health checks"
  referenced_security_group_id = aws_security_group.load_balancer.id
  ip_protocol                  = "tcp"
  from_port                    = var.service_port
  to_port                      = var.service_port
}

resource "aws_vpc_security_group_ingress_rule" "ssh" {
  for_each = toset(var.ssh_cidrs)

  security_group_id = aws_security_group.instance.id
  description       = "SSH"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 22
  to_port           = 22
}

resource "aws_vpc_security_group_ingress_rule" "ssh_instance_connect" {
  security_group_id            = aws_security_group.instance.id
  description                  = "SSH through the Instance Connect endpoint"
  referenced_security_group_id = aws_security_group.instance_connect.id
  ip_protocol                  = "tcp"
  from_port                    = 22
  to_port                      = 22
}

resource "aws_vpc_security_group_egress_rule" "instance_connect_to_ssh" {
  security_group_id            = aws_security_group.instance_connect.id
  description                  = "SSH"
  referenced_security_group_id = aws_security_group.instance.id
  ip_protocol                  = "tcp"
  from_port                    = 22
  to_port                      = 22
}

resource "aws_vpc_security_group_egress_rule" "instance" {
  security_group_id = aws_security_group.instance.id
  description       = "The registry, packages, and what the service calls"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

locals {
  # Every security group and every rule of this configuration. A rule that is added here is added to both lists.
  security_groups = [aws_security_group.load_balancer.id, aws_security_group.instance.id, aws_security_group.instance_connect.id]

  security_group_rules = concat(
    [for rule in aws_vpc_security_group_ingress_rule.clients : rule.id],
    [for rule in aws_vpc_security_group_ingress_rule.ssh : rule.id],
    [
      aws_vpc_security_group_egress_rule.load_balancer_to_service.id,
      aws_vpc_security_group_ingress_rule.service.id,
      aws_vpc_security_group_ingress_rule.ssh_instance_connect.id,
      aws_vpc_security_group_egress_rule.instance_connect_to_ssh.id,
      aws_vpc_security_group_egress_rule.instance.id,
    ],
  )
}

# Rules that somebody added by hand are no resources of this configuration, so no plan would show them. The drift gate
# reads the result of this check from the plan.
check "security_groups" {
  data "aws_vpc_security_group_rules" "all" {
    filter {
      name   = "group-id"
      values = local.security_groups
    }

    # A rule that this apply makes or removes is compared once that is done.
    depends_on = [
      aws_vpc_security_group_ingress_rule.clients,
      aws_vpc_security_group_ingress_rule.ssh,
      aws_vpc_security_group_egress_rule.load_balancer_to_service,
      aws_vpc_security_group_ingress_rule.service,
      aws_vpc_security_group_ingress_rule.ssh_instance_connect,
      aws_vpc_security_group_egress_rule.instance_connect_to_ssh,
      aws_vpc_security_group_egress_rule.instance,
    ]
  }

  assert {
    condition     = length(setsubtract(data.aws_vpc_security_group_rules.all.ids, local.security_group_rules)) == 0
    error_message = "The security groups have rules that this configuration did not make: ${join(", ", sort(setsubtract(data.aws_vpc_security_group_rules.all.ids, local.security_group_rules)))}."
  }
}
