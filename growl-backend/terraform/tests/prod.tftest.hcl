mock_provider "aws" {
  source = "./tests/mocks"
}

mock_provider "aws" {
  alias  = "registry"
  source = "./tests/mocks"
}

variables {
  environment         = "prod"
  region              = "us-west-2"
  cidr                = "10.30.0.0/16"
  env_file            = "tests/fixtures/env"
  ssh_authorized_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINnoSuchKey somebody"]
  instances           = { one = { zone = 0, address = "10.30.0.11" } }
}

run "reads_what_is_shared" {
  assert {
    condition     = output.region == "us-west-2" && output.registry_region == "us-west-1" && output.repository == "123456789012.dkr.ecr.us-west-1.amazonaws.com/growl-backend"
    error_message = "prod pulls across regions."
  }

  assert {
    condition     = yamldecode(aws_instance.service["one"].user_data).runcmd[4][3] == "us-west-1"
    error_message = "First boot logs in where the repository is."
  }

  assert {
    condition     = jsondecode(aws_iam_role.github.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == "repo:growl-dev/deploy:environment:prod"
    error_message = "prod's role is for jobs in the GitHub environment prod."
  }

  assert {
    condition = length(setsubtract(
      ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
      flatten([for s in jsondecode(aws_iam_role_policy.github_deploy.policy).Statement : s.Action if s.Resource == ["arn:aws:ecr:us-west-1:123456789012:repository/growl-backend"]])
    )) == 0
    error_message = "Instances pull with the deployer's token, so prod's role may pull."
  }

  assert {
    condition = [
      for s in concat(jsondecode(aws_iam_role_policy.github_deploy.policy).Statement, jsondecode(aws_iam_role_policy.github_plan.policy).Statement) :
      s.Action if anytrue([for r in s.Resource : endswith(r, "/ledger/growl-backend/dev/*") || endswith(r, "/ledger/dev/*")])
    ] == [["s3:GetObject"], ["s3:GetObject"]]
    error_message = "prod's role reads what dev ran, and changes nothing of it."
  }

  assert {
    condition = anytrue([
      for s in jsondecode(aws_iam_role_policy.github_plan.policy).Statement :
      length(setsubtract(["ledger/growl-backend/dev/*", "ledger/dev/*"], s.Condition.StringLike["s3:prefix"])) == 0 if s.Action == ["s3:ListBucket"]
    ])
    error_message = "prod's role lists dev's runs."
  }

  assert {
    condition     = !contains(flatten([for s in jsondecode(aws_iam_role_policy.github_deploy.policy).Statement : s.Action]), "ecr:UploadLayerPart")
    error_message = "prod uploads no image."
  }

  expect_failures = [check.prod_serves_tls]

  assert {
    condition     = aws_lb.main.enable_deletion_protection && alltrue([for i in aws_instance.service : i.disable_api_termination])
    error_message = "prod's load balancer and instances are protected."
  }
}

run "with_a_certificate_no_check_warns" {
  variables {
    certificate_arn = "arn:aws:acm:us-west-2:123456789012:certificate/0"
  }
}
