# GitHub's identity provider: one in an account, in the state of the folder shared.
locals {
  github_issuer = "token.actions.githubusercontent.com"

  github_provider_arn = data.aws_iam_openid_connect_provider.github.arn

  # dev deploys from main; prod from jobs that run in the GitHub environment
  # "prod", so that its approvals count.
  github_subject = "${var.github_subject_prefix}:${var.environment == "dev" ? "ref:refs/heads/main" : "environment:${var.environment}"}"
}

data "aws_iam_openid_connect_provider" "github" {
  url = "https://${local.github_issuer}"
}

resource "aws_iam_role" "github" {
  name                 = "${local.name}-github"
  description          = "What a deploy from GitHub Actions may do"
  max_session_duration = 7200

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = local.github_provider_arn }
      Condition = {
        StringEquals = {
          "${local.github_issuer}:aud" = "sts.amazonaws.com"
          "${local.github_issuer}:sub" = local.github_subject
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "github_deploy" {
  name   = "deploy"
  role   = aws_iam_role.github.id
  policy = jsonencode({ Version = "2012-10-17", Statement = concat(local.github_deploy, local.github_push) })
}

resource "aws_iam_role_policy" "github_plan" {
  name   = "plan"
  role   = aws_iam_role.github.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.github_plan })
}

locals {
  account = data.aws_caller_identity.current.account_id

  # The describe actions of EC2, ELB, CloudWatch and SSM take no resource. This condition limits them to the
  # environment's own region, so that the role of one environment reads nothing of the other's. IAM's actions (which
  # run in us-east-1) and ECR's (which run in the registry's region) are in statements without it.
  in_own_region = { StringEquals = { "aws:RequestedRegion" = var.region } }

  ledger = "arn:aws:s3:::${var.state_bucket}/ledger"

  github_deploy = concat([
    {
      Sid      = "Targets"
      Effect   = "Allow"
      Action   = ["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"]
      Resource = [aws_lb_target_group.service.arn]
    },
    {
      Sid      = "Login"
      Effect   = "Allow"
      Action   = ["ecr:GetAuthorizationToken"]
      Resource = ["*"]
    },
    {
      # PutImage moves deployed-ENVIRONMENT: the same manifest under another tag. Instances pull with the deployer's
      # token, so the deployer's role needs the three actions of a pull: BatchCheckLayerAvailability, BatchGetImage and
      # GetDownloadUrlForLayer.
      Sid    = "Images"
      Effect = "Allow"
      Action = [
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:DescribeImages",
        "ecr:GetDownloadUrlForLayer",
        "ecr:PutImage",
      ]
      Resource = [data.aws_ecr_repository.service.arn]
    },
    {
      Sid       = "Alarms"
      Effect    = "Allow"
      Action    = ["cloudwatch:DescribeAlarms"]
      Resource  = ["*"]
      Condition = local.in_own_region
    },
    {
      Sid      = "Tunnel"
      Effect   = "Allow"
      Action   = ["ec2-instance-connect:OpenTunnel"]
      Resource = [aws_ec2_instance_connect_endpoint.main.arn]
      Condition = {
        NumericEquals = { "ec2-instance-connect:remotePort" = "22" }
        IpAddress     = { "ec2-instance-connect:privateIpAddress" = var.cidr }
      }
    },
    {
      Sid      = "Ledger"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject"]
      Resource = ["${local.ledger}/growl-backend/${var.environment}/*"]
    },
    {
      # The ledger's key was the environment alone. The first run leaves a marker there that names the new key.
      Sid      = "LedgerMove"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject"]
      Resource = ["${local.ledger}/${var.environment}/current"]
    },
    {
      Sid      = "LedgerHistoryBefore"
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = ["${local.ledger}/${var.environment}/history/*"]
    },
    {
      Sid      = "Claims"
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = ["${local.ledger}/claims/*"]
    },
    {
      # The condition holds for a create alone, so that no role can take a target group from another service.
      Sid       = "ClaimsCreate"
      Effect    = "Allow"
      Action    = ["s3:PutObject"]
      Resource  = ["${local.ledger}/claims/*"]
      Condition = { Null = { "s3:if-none-match" = "false" } }
    },
    ], var.environment == "prod" ? [{
      # What is promoted has to be the image that dev ran under its commit.
      Sid      = "DevHistory"
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = ["${local.ledger}/growl-backend/dev/*"]
    },
    {
      Sid      = "DevHistoryBefore"
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = ["${local.ledger}/dev/*"]
  }] : [])

  # Images are built once, by dev's workflow.
  github_push = var.environment == "dev" ? [{
    Sid      = "Push"
    Effect   = "Allow"
    Action   = ["ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart"]
    Resource = [data.aws_ecr_repository.service.arn]
  }] : []

  # What `terraform plan` asks. Nothing here changes anything.
  github_plan = [
    {
      Sid      = "State"
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = ["arn:aws:s3:::${var.state_bucket}/env:/${var.environment}/growl-backend/terraform.tfstate"]
    },
    {
      Sid      = "List"
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = ["arn:aws:s3:::${var.state_bucket}"]
      Condition = {
        StringLike = { "s3:prefix" = concat(["env:/*", "growl-backend/*", "ledger/claims/*"], flatten([
          for environment in distinct([var.environment, "dev"]) : ["ledger/growl-backend/${environment}/*", "ledger/${environment}/*"]
        ])) }
      }
    },
    {
      # These take no resource.
      Sid    = "Describe"
      Effect = "Allow"
      Action = [
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeInstanceAttribute",
        "ec2:DescribeInstanceConnectEndpoints",
        "ec2:DescribeInstanceCreditSpecifications",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeInstances",
        "ec2:DescribeInternetGateways",
        "ec2:DescribeNetworkAcls",
        "ec2:DescribeRouteTables",
        "ec2:DescribeSecurityGroupRules",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeTags",
        "ec2:DescribeVolumes",
        "ec2:DescribeVpcAttribute",
        "ec2:DescribeVpcs",
        "elasticloadbalancing:DescribeCapacityReservation",
        "elasticloadbalancing:DescribeListenerAttributes",
        "elasticloadbalancing:DescribeListeners",
        "elasticloadbalancing:DescribeLoadBalancerAttributes",
        "elasticloadbalancing:DescribeLoadBalancers",
        "elasticloadbalancing:DescribeTags",
        "elasticloadbalancing:DescribeTargetGroupAttributes",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
        "ssm:DescribeParameters",
      ]
      Resource  = ["*"]
      Condition = local.in_own_region
    },
    {
      Sid      = "IdentityProviders"
      Effect   = "Allow"
      Action   = ["iam:ListOpenIDConnectProviders"]
      Resource = ["*"]
    },
    {
      Sid      = "Repository"
      Effect   = "Allow"
      Action   = ["ecr:DescribeRepositories", "ecr:ListTagsForResource"]
      Resource = [data.aws_ecr_repository.service.arn]
    },
    {
      Sid      = "MachineImage"
      Effect   = "Allow"
      Action   = ["ssm:GetParameter"]
      Resource = ["arn:aws:ssm:${var.region}::parameter/aws/service/ami-amazon-linux-latest/*"]
    },
    {
      # A refresh reads the parameter's value too. It is the environment's own file, which a deploy has anyway.
      Sid      = "EnvFile"
      Effect   = "Allow"
      Action   = ["ssm:GetParameter", "ssm:ListTagsForResource"]
      Resource = [aws_ssm_parameter.env.arn]
    },
    {
      Sid      = "HealthAlarm"
      Effect   = "Allow"
      Action   = ["cloudwatch:ListTagsForResource"]
      Resource = [aws_cloudwatch_metric_alarm.unhealthy_hosts.arn]
    },
    {
      Sid    = "Roles"
      Effect = "Allow"
      Action = [
        "iam:GetInstanceProfile",
        "iam:GetOpenIDConnectProvider",
        "iam:GetRole",
        "iam:GetRolePolicy",
        "iam:ListAttachedRolePolicies",
        "iam:ListRolePolicies",
      ]
      Resource = concat(
        [aws_iam_role.github.arn, local.github_provider_arn],
        [for role in aws_iam_role.instance : role.arn],
        [for profile in aws_iam_instance_profile.instance : profile.arn],
      )
    },
  ]
}
