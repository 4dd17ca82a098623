mock_provider "aws" {
  source = "./tests/mocks"
}

mock_provider "aws" {
  alias  = "registry"
  source = "./tests/mocks"
}

variables {
  environment         = "dev"
  region              = "us-west-1"
  cidr                = "10.20.0.0/16"
  env_file            = "tests/fixtures/env"
  ssh_authorized_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINnoSuchKey somebody"]

  instances = {
    one = { zone = 0, address = "10.20.0.11" }
    two = { zone = 1, address = "10.20.1.11" }
  }
}

run "apply" {
  assert {
    condition = alltrue([for i in aws_instance.service :
      i.metadata_options[0].http_tokens == "required" &&
      i.metadata_options[0].http_endpoint == "enabled" &&
      i.metadata_options[0].http_put_response_hop_limit == 1
    ])
    error_message = "Instances answer IMDSv2 only, and not to containers."
  }

  assert {
    condition     = alltrue([for i in aws_instance.service : i.root_block_device[0].encrypted])
    error_message = "Disks are encrypted."
  }

  assert {
    condition     = alltrue([for name, i in aws_instance.service : i.private_ip == var.instances[name].address])
    error_message = "An instance has the address that its host certificate names."
  }

  assert {
    condition     = aws_lb_target_group.service.load_balancing_cross_zone_enabled == "true" && aws_lb.main.enable_cross_zone_load_balancing
    error_message = "Cross-zone is on."
  }

  assert {
    condition = (
      aws_lb_target_group.service.health_check[0].protocol == "HTTP" &&
      aws_lb_target_group.service.health_check[0].path == "/healthz" &&
      aws_lb_target_group.service.health_check[0].interval == 10 &&
      aws_lb_target_group.service.health_check[0].healthy_threshold == 2
    )
    error_message = "Health is GET /healthz every 10 s, twice."
  }

  assert {
    condition     = tonumber(aws_lb_target_group.service.deregistration_delay) >= 300
    error_message = "Flows of a deregistered target live at least 300 s."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.unhealthy_hosts.metric_name == "UnHealthyHostCount" &&
      aws_cloudwatch_metric_alarm.unhealthy_hosts.period == 60 &&
      aws_cloudwatch_metric_alarm.unhealthy_hosts.evaluation_periods == 3 &&
      aws_cloudwatch_metric_alarm.unhealthy_hosts.datapoints_to_alarm == 3 &&
      aws_cloudwatch_metric_alarm.unhealthy_hosts.treat_missing_data == "notBreaching"
    )
    error_message = "Three minutes of three with an unhealthy host are an alarm; missing data is none."
  }

  assert {
    condition     = aws_lb_listener.service.protocol == "TCP" && aws_lb_listener.service.port == 80
    error_message = "Without a certificate the listener speaks TCP."
  }

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.ssh) == 0
    error_message = "By default SSH is open to nobody but the Instance Connect endpoint."
  }

  assert {
    condition = alltrue([
      for rule in [aws_vpc_security_group_ingress_rule.service, aws_vpc_security_group_ingress_rule.ssh_instance_connect] :
      rule.cidr_ipv4 == null && rule.referenced_security_group_id != null
    ])
    error_message = "Nobody reaches an instance from an address."
  }

  assert {
    condition     = keys(aws_lb_target_group_attachment.service) == ["one", "two"] && alltrue([for name, a in aws_lb_target_group_attachment.service : a.target_id == aws_instance.service[name].id && a.port == 8080])
    error_message = "Every instance is in the target group."
  }

  assert {
    condition     = aws_subnet.public[0].availability_zone == "us-west-1a" && aws_subnet.public[1].availability_zone == "us-west-1c"
    error_message = "There is a subnet in each of two zones."
  }

  assert {
    condition = (
      output.environment == "dev" &&
      output.region == "us-west-1" &&
      output.registry_region == "us-west-1" &&
      output.repository == "123456789012.dkr.ecr.us-west-1.amazonaws.com/growl-backend" &&
      output.load_balancer == "growl.elb.us-west-1.amazonaws.com:80" &&
      output.user == "deploy" &&
      output.service_port == 8080 &&
      output.health_alarms == ["growl-backend-dev-unhealthy-hosts"] &&
      length(output.target_groups) == 1
    )
    error_message = "The outputs are the fleet."
  }

  assert {
    condition     = [for i in output.instances : i.name] == ["one", "two"] && alltrue([for i in output.instances : i.id == aws_instance.service[i.name].id && i.address == var.instances[i.name].address && i.zone != ""])
    error_message = "The outputs name every instance."
  }

  assert {
    condition = alltrue([for i in aws_instance.service : !anytrue([
      for form in ["canary", filebase64("tests/fixtures/env"), nonsensitive(local.env_value)] : strcontains(i.user_data, form)
    ])])
    error_message = "User data holds no variable of the service, in any form."
  }

  assert {
    condition     = alltrue([for i in aws_instance.service : sum([for file in yamldecode(i.user_data).write_files : file.path == "/etc/growl-backend/env" ? 1 : 0]) == 0])
    error_message = "cloud-init does not write the env file: the instance reads it from the parameter."
  }

  assert {
    condition = (
      aws_ssm_parameter.env.name == "/growl-backend/dev/env" &&
      aws_ssm_parameter.env.type == "SecureString" &&
      aws_ssm_parameter.env.tier == "Intelligent-Tiering" &&
      aws_ssm_parameter.env.value_wo == null &&
      aws_ssm_parameter.env.tags["env-sha256"] == filesha256("tests/fixtures/env")
    )
    error_message = "The env file is an SSM SecureString, whose value the state does not hold."
  }

  assert {
    condition     = alltrue([for i in aws_instance.service : yamldecode(i.user_data).runcmd[3] == ["/usr/local/sbin/growl-env-file", "/growl-backend/dev/env", "us-west-1", filesha256("tests/fixtures/env"), "deploy"]])
    error_message = "An instance reads the env file and compares its SHA-256."
  }

  assert {
    condition     = yamldecode(aws_instance.service["one"].user_data).runcmd[4] == ["/usr/local/sbin/growl-first-boot", "dev", "123456789012.dkr.ecr.us-west-1.amazonaws.com/growl-backend", "us-west-1", "8080"]
    error_message = "First boot gets the environment, the repository, its region and the port."
  }

  assert {
    condition     = yamldecode(aws_instance.service["two"].user_data).runcmd[0] == ["/usr/local/sbin/growl-host-key", "/growl-backend/dev/ssh-host/two", "us-west-1"]
    error_message = "An instance asks for its own host key."
  }

  assert {
    condition     = alltrue([for name, i in aws_instance.service : i.iam_instance_profile == "growl-backend-dev-instance-${name}" && aws_iam_instance_profile.instance[name].role == aws_iam_role.instance[name].id])
    error_message = "Each instance has a role of its own."
  }

  assert {
    condition     = alltrue([for i in aws_instance.service : i.tags["env-sha256"] == filesha256("tests/fixtures/env")])
    error_message = "The env file's seal is on the instance."
  }
}

run "changed_env_replaces" {
  command = plan

  variables {
    env_file = "tests/fixtures/env-changed"
  }

  assert {
    condition     = alltrue([for i in aws_instance.service : i.user_data_replace_on_change])
    error_message = "Changed user data replaces the instance: a restart in place would not run cloud-init again."
  }

  assert {
    condition     = alltrue([for i in aws_instance.service : strcontains(i.user_data, filesha256(var.env_file))])
    error_message = "A changed env file changes the user data."
  }

  assert {
    condition     = aws_ssm_parameter.env.value_wo_version == parseint(substr(filesha256(var.env_file), 0, 13), 16)
    error_message = "A changed env file is another version of the parameter, or the provider would not write it."
  }

  assert {
    condition     = alltrue([for i in aws_instance.service : i.tags["firstboot-sha256"] == sha256(replace(i.user_data, filesha256(var.env_file), ""))])
    error_message = "The seal of the first boot is that of the user data without the env file."
  }
}

run "newer_machine_image_plans_nothing" {
  command = plan

  override_data {
    target = data.aws_ssm_parameter.amazon_linux
    values = { insecure_value = "ami-0bbbbbbbbbbbbbbbb" }
  }

  assert {
    condition     = data.aws_ssm_parameter.amazon_linux.insecure_value == "ami-0bbbbbbbbbbbbbbbb" && alltrue([for i in aws_instance.service : i.ami == "ami-0aaaaaaaaaaaaaaaa"])
    error_message = "An instance keeps the image it was made from."
  }
}

run "addresses" {
  command = plan

  assert {
    condition     = alltrue([for s in aws_subnet.public : s.map_public_ip_on_launch])
    error_message = "Instances get a public address from their subnet: they reach packages, ECR and SSM by it."
  }
}

run "rule_made_by_hand" {
  command = plan

  override_data {
    target = data.aws_vpc_security_group_rules.all
    values = { ids = ["sgr-0aaaaaaaaaaaaaaaa", "sgr-0bbbbbbbbbbbbbbbb", "sgr-0cccccccccccccccc"] }
  }

  expect_failures = [check.security_groups]
}

# These two change rules, and a plan cannot evaluate the check of the security groups before that is done.
run "another_port" {
  variables {
    service_port = 9090
  }

  assert {
    condition = (
      aws_lb_target_group.service.port == 9090 &&
      alltrue([for a in aws_lb_target_group_attachment.service : a.port == 9090]) &&
      aws_vpc_security_group_ingress_rule.service.from_port == 9090 &&
      aws_vpc_security_group_ingress_rule.service.to_port == 9090 &&
      aws_vpc_security_group_egress_rule.load_balancer_to_service.from_port == 9090 &&
      aws_vpc_security_group_egress_rule.load_balancer_to_service.to_port == 9090 &&
      alltrue([for i in aws_instance.service : yamldecode(i.user_data).runcmd[4][4] == "9090"]) &&
      output.service_port == 9090
    )
    error_message = "Target group, security groups, first boot and the output follow the variable service_port."
  }
}

run "tls" {
  variables {
    certificate_arn = "arn:aws:acm:us-west-1:123456789012:certificate/0"
  }

  assert {
    condition     = aws_lb_listener.service.protocol == "TLS" && aws_lb_listener.service.port == 443 && aws_vpc_security_group_ingress_rule.clients["0.0.0.0/0"].to_port == 443
    error_message = "With a certificate the listener speaks TLS."
  }
}
