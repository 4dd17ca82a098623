locals {
  tls = var.certificate_arn != ""

  listener = {
    port     = local.tls ? 443 : 80
    protocol = local.tls ? "TLS" : "TCP"
  }
}

check "prod_serves_tls" {
  assert {
    condition     = var.environment != "prod" || local.tls
    error_message = "prod serves plain TCP on port 80, so what clients send can be read on its way: set certificate_arn."
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

# A deploy reads this alarm while it runs (output health_alarms). It is no alarm of the variable `alarms`, because one
# that is in alarm when a deploy begins does not refuse it: the deploy may be what mends the host.
resource "aws_cloudwatch_metric_alarm" "unhealthy_hosts" {
  alarm_name        = "${local.name}-unhealthy-hosts"
  alarm_description = "Health checks of the load balancer have failed on an instance for three minutes."

  namespace   = "AWS/NetworkELB"
  metric_name = "UnHealthyHostCount"
  statistic   = "Maximum"
  dimensions = {
    LoadBalancer = aws_lb.main.arn_suffix
    TargetGroup  = aws_lb_target_group.service.arn_suffix
  }

  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 3
  datapoints_to_alarm = 3

  # NLB publishes no count while no target is registered.
  treat_missing_data = "notBreaching"

  tags = { Name = "${local.name}-unhealthy-hosts" }
}
