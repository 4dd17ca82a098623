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

run "least_privilege" {
  assert {
    condition = alltrue([for p in aws_iam_role_policy.instance :
      toset(flatten([for s in jsondecode(p.policy).Statement : s.Action])) == toset([
        "ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer",
        "ssm:GetParameter",
      ])
    ])
    error_message = "An instance pulls and reads its parameters, and that is all."
  }

  assert {
    condition     = alltrue(flatten([for p in aws_iam_role_policy.instance : [for s in jsondecode(p.policy).Statement : s.Action == ["ecr:GetAuthorizationToken"] || !strcontains(jsonencode(s.Resource), "*")]]))
    error_message = "Only the registry's login takes any resource."
  }

  assert {
    condition = alltrue([for name, p in aws_iam_role_policy.instance :
      p.role == aws_iam_role.instance[name].id &&
      jsondecode(p.policy).Statement[2].Resource == ["arn:aws:ssm:us-west-1:123456789012:parameter/growl-backend/dev/ssh-host/${name}", aws_ssm_parameter.env.arn]
    ])
    error_message = "An instance reads its own host key and the environment's env file, and no other parameter."
  }

  assert {
    condition = jsondecode(aws_iam_role.github.assume_role_policy).Statement[0].Condition == {
      StringEquals = {
        "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:sub" = "repo:growl-dev/deploy:ref:refs/heads/main"
      }
    }
    error_message = "dev's role is for the main branch of this repository."
  }

  assert {
    condition = alltrue([
      for action in flatten([for s in jsondecode(aws_iam_role_policy.github_plan.policy).Statement : s.Action]) :
      can(regex("^[a-z0-9-]+:(Describe|Get|List)[A-Za-z]+$", action))
    ])
    error_message = "Planning reads, action by action."
  }

  assert {
    condition = alltrue([
      for s in concat(jsondecode(aws_iam_role_policy.github_deploy.policy).Statement, jsondecode(aws_iam_role_policy.github_plan.policy).Statement) :
      lookup(s, "Condition", null) == { StringEquals = { "aws:RequestedRegion" = "us-west-1" } } &&
      alltrue([for a in s.Action : can(regex("^(ec2|elasticloadbalancing|cloudwatch|ssm):Describe", a))])
      if anytrue([for a in s.Action : can(regex("^(ec2|elasticloadbalancing|cloudwatch|ssm):Describe", a))])
    ])
    error_message = "The describe actions of EC2, ELB, CloudWatch and SSM are limited to the environment's region, in statements of their own."
  }

  assert {
    condition = alltrue([
      for s in concat(jsondecode(aws_iam_role_policy.github_deploy.policy).Statement, jsondecode(aws_iam_role_policy.github_plan.policy).Statement) :
      !strcontains(jsonencode(lookup(s, "Condition", null)), "aws:RequestedRegion")
      if anytrue([for a in s.Action : startswith(a, "iam:") || startswith(a, "ecr:")])
    ])
    error_message = "IAM runs in us-east-1 and ECR in the registry's region: no condition on the region keeps them out."
  }

  assert {
    condition = toset(flatten([
      for s in concat(jsondecode(aws_iam_role_policy.github_deploy.policy).Statement, jsondecode(aws_iam_role_policy.github_plan.policy).Statement) :
      s.Resource if contains(s.Action, "ssm:GetParameter")
    ])) == toset(["arn:aws:ssm:us-west-1::parameter/aws/service/ami-amazon-linux-latest/*", aws_ssm_parameter.env.arn])
    error_message = "GitHub's role reads its environment's env file and AWS's public parameters, and no host key."
  }

  assert {
    condition = toset([
      for s in jsondecode(aws_iam_role_policy.github_deploy.policy).Statement : s.Sid
      if contains(s.Resource, "*")
    ]) == toset(["Login", "Alarms"])
    error_message = "What changes anything names its resource."
  }

  assert {
    condition = flatten([
      for s in concat(jsondecode(aws_iam_role_policy.github_deploy.policy).Statement, jsondecode(aws_iam_role_policy.github_plan.policy).Statement) :
      s.Resource if anytrue([for a in s.Action : contains(["s3:PutObject", "s3:DeleteObject", "s3:*"], a)])
      ]) == [
      "arn:aws:s3:::growl-tf-state/ledger/growl-backend/dev/*", "arn:aws:s3:::growl-tf-state/ledger/dev/current", "arn:aws:s3:::growl-tf-state/ledger/claims/*",
    ]
    error_message = "The bucket is written at the environment's own ledger, at its key of before, and at the claims, and nowhere else."
  }

  assert {
    condition = [
      for s in jsondecode(aws_iam_role_policy.github_deploy.policy).Statement : lookup(s, "Condition", null)
      if contains(s.Action, "s3:PutObject") && strcontains(jsonencode(s.Resource), "/claims/")
    ] == [{ Null = { "s3:if-none-match" = "false" } }]
    error_message = "A claim is created, and never replaced."
  }

  assert {
    condition     = !anytrue([for a in flatten([for s in jsondecode(aws_iam_role_policy.github_deploy.policy).Statement : s.Action]) : strcontains(a, "*")])
    error_message = "No action is a pattern."
  }
}

run "the_subject_of_an_immutable_repository" {
  command = plan

  variables {
    github_subject_prefix = "repo:growl-dev@1234/deploy@567890"
  }

  assert {
    condition     = jsondecode(aws_iam_role.github.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == "repo:growl-dev@1234/deploy@567890:ref:refs/heads/main"
    error_message = "The subject of a repository that was made since July 2026 carries the IDs of owner and repository."
  }
}

run "another_bucket" {
  command = plan

  variables {
    state_bucket = "a-fork-s-state"
  }

  assert {
    condition = toset([
      for arn in flatten([
        for s in concat(local.github_deploy, local.github_plan) : s.Resource if anytrue([for a in s.Action : startswith(a, "s3:")])
      ]) : split("/", arn)[0]
    ]) == toset(["arn:aws:s3:::a-fork-s-state"])
    error_message = "The role reads and writes the bucket that state_bucket names, and no other."
  }
}
