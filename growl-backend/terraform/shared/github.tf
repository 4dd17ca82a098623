locals {
  github_issuer = "token.actions.githubusercontent.com"
}

data "aws_caller_identity" "current" {}

# GitHub's identity provider: AWS allows one in an account.
resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://${local.github_issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

import {
  for_each = contains(var.existing, "github_provider") ? [local.github_issuer] : []

  to = aws_iam_openid_connect_provider.github
  id = "arn:aws:iam::${data.aws_caller_identity.current.account_id}:oidc-provider/${each.value}"
}
