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
  instances           = { one = { zone = 0, address = "10.20.0.11" } }
}

# A plan evaluates the check of the security groups once their rules are there.
run "accepted" {
}

run "what_cannot_be" {
  command = plan

  variables {
    ssh_cidrs            = ["0.0.0.0/0"]
    deregistration_delay = 60
    service_port         = 22
    ssh_authorized_keys  = ["command=\"id\" ssh-ed25519 AAAA somebody"]
    instances            = { one = { zone = 1, address = "10.20.0.11" } }
  }

  expect_failures = [var.ssh_cidrs, var.service_port, var.deregistration_delay, var.ssh_authorized_keys, var.instances]
}

run "one_address_for_two" {
  command = plan

  variables {
    environment = "staging"
    instances = {
      one = { zone = 0, address = "10.20.0.11" }
      two = { zone = 0, address = "10.20.0.11" }
    }
  }

  expect_failures = [var.environment, var.instances]
}

run "a_subject_that_is_a_pattern" {
  command = plan

  variables {
    github_subject_prefix = "repo:growl-dev/*"
  }

  expect_failures = [var.github_subject_prefix]
}

run "a_subject_with_one_id" {
  command = plan

  variables {
    github_subject_prefix = "repo:growl-dev@1234/deploy"
  }

  expect_failures = [var.github_subject_prefix]
}

run "env_file_that_no_parameter_holds" {
  command = plan

  variables {
    env_file = "tests/fixtures/env-too-long"
  }

  expect_failures = [aws_ssm_parameter.env]
}

run "ssh_from_a_range_and_nobody_to_log_in" {
  variables {
    ssh_cidrs           = ["10.0.0.0/8"]
    ssh_authorized_keys = []
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.ssh["10.0.0.0/8"].to_port == 22
    error_message = "SSH is open to the range that was given."
  }

  expect_failures = [check.somebody_can_log_in]
}
