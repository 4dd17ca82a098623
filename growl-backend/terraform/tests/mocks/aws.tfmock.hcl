# What a mocked provider has to answer for other resources to accept it.

mock_data "aws_availability_zones" {
  defaults = {
    names = ["us-west-1c", "us-west-1a"]
  }
}

mock_data "aws_caller_identity" {
  defaults = {
    account_id = "123456789012"
  }
}

mock_data "aws_ssm_parameter" {
  defaults = {
    insecure_value = "ami-0aaaaaaaaaaaaaaaa"
  }
}

mock_data "aws_ecr_repository" {
  defaults = {
    arn            = "arn:aws:ecr:us-west-1:123456789012:repository/growl-backend"
    repository_url = "123456789012.dkr.ecr.us-west-1.amazonaws.com/growl-backend"
  }
}

mock_data "aws_iam_openid_connect_provider" {
  defaults = {
    arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  }
}

mock_resource "aws_lb" {
  defaults = {
    arn      = "arn:aws:elasticloadbalancing:us-west-1:123456789012:loadbalancer/net/growl/0123456789abcdef"
    dns_name = "growl.elb.us-west-1.amazonaws.com"
  }
}

mock_resource "aws_lb_target_group" {
  defaults = {
    arn = "arn:aws:elasticloadbalancing:us-west-1:123456789012:targetgroup/growl/0123456789abcdef"
  }
}

mock_resource "aws_iam_role" {
  defaults = {
    arn = "arn:aws:iam::123456789012:role/growl"
  }
}

mock_resource "aws_iam_instance_profile" {
  defaults = {
    arn = "arn:aws:iam::123456789012:instance-profile/growl"
  }
}

mock_resource "aws_ec2_instance_connect_endpoint" {
  defaults = {
    arn = "arn:aws:ec2:us-west-1:123456789012:instance-connect-endpoint/eice-0123456789abcdef0"
  }
}

mock_resource "aws_ssm_parameter" {
  defaults = {
    arn = "arn:aws:ssm:us-west-1:123456789012:parameter/growl-backend/dev/env"
  }
}

mock_resource "aws_cloudwatch_metric_alarm" {
  defaults = {
    arn = "arn:aws:cloudwatch:us-west-1:123456789012:alarm:growl-backend-dev-unhealthy-hosts"
  }
}

mock_resource "aws_vpc_security_group_ingress_rule" {
  defaults = {
    id = "sgr-0aaaaaaaaaaaaaaaa"
  }
}

mock_resource "aws_vpc_security_group_egress_rule" {
  defaults = {
    id = "sgr-0bbbbbbbbbbbbbbbb"
  }
}

mock_data "aws_vpc_security_group_rules" {
  defaults = {
    ids = ["sgr-0aaaaaaaaaaaaaaaa", "sgr-0bbbbbbbbbbbbbbbb"]
  }
}
