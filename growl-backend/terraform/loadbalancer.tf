locals {
  tls = var.certificate_arn != ""

  listener = {
    port     = local.tls ? 443 : 80
    protocol = local.tls ? "TLS" : "TCP"
  }
}

resource "aws_lb" "main" {
  name               = local.name
  load_balancer_type = "network"
  internal           = false
  subnets            = aws_subnet.public[*].id
  security_groups    = [aws_security_group.load_balancer.id]

  enable_cross_zone_load_balancing = true
  enable_deletion_protection       = var.environment == "prod"

  tags = { Name = local.name }
}

resource "aws_lb_target_group" "service" {
  name        = local.name
  vpc_id      = aws_vpc.main.id
  target_type = "instance"
  protocol    = "TCP"
  port        = var.service_port

  # Without it a zone whose only instance drains loses its address.
  load_balancing_cross_zone_enabled = "true"

  deregistration_delay = var.deregistration_delay

  health_check {
    protocol            = "HTTP"
    path                = "/healthz"
    port                = "traffic-port"
    matcher             = "200"
    interval            = 10
    timeout             = 6
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }

  tags = { Name = local.name }
}

resource "aws_lb_listener" "service" {
  load_balancer_arn = aws_lb.main.arn
  port              = local.listener.port
  protocol          = local.listener.protocol
  certificate_arn   = local.tls ? var.certificate_arn : null
  ssl_policy        = local.tls ? "ELBSecurityPolicy-TLS13-1-2-2021-06" : null

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.service.arn
  }
}

resource "aws_lb_target_group_attachment" "service" {
  for_each = var.instances

  target_group_arn = aws_lb_target_group.service.arn
  target_id        = aws_instance.service[each.key].id
  port             = var.service_port
}
