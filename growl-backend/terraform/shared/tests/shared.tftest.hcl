mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = {
      account_id = "123456789012"
    }
  }
}

variables {
  state_bucket = "a-fork-s-state"
}

run "an_empty_account" {
  assert {
    condition     = aws_ecr_repository.service.image_tag_mutability == "MUTABLE" && aws_ecr_repository.service.image_scanning_configuration[0].scan_on_push
    error_message = "Tags move, and images are scanned when they are pushed."
  }

  assert {
    condition = [
      for r in jsondecode(aws_ecr_lifecycle_policy.service.policy).rules : [r.selection.tagStatus, lookup(r.selection, "tagPatternList", []), r.selection.countNumber]
      ] == [
      ["tagged", ["deployed-*"], 1000],
      ["tagged", ["latest"], 1000],
      ["any", [], 50],
    ]
    error_message = "The last 50 images are kept; what latest and deployed-* name is matched first and never expires."
  }

  assert {
    condition     = aws_iam_openid_connect_provider.github.url == "https://token.actions.githubusercontent.com" && aws_iam_openid_connect_provider.github.client_id_list == toset(["sts.amazonaws.com"])
    error_message = "GitHub's tokens are for AWS STS."
  }

  assert {
    condition = jsondecode(aws_s3_bucket_policy.state.policy).Statement == [{
      Sid       = "TLSOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::a-fork-s-state", "arn:aws:s3:::a-fork-s-state/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
    error_message = "Nobody reaches the bucket but over TLS."
  }

  assert {
    condition = (
      aws_s3_bucket_public_access_block.state.block_public_acls &&
      aws_s3_bucket_public_access_block.state.block_public_policy &&
      aws_s3_bucket_public_access_block.state.ignore_public_acls &&
      aws_s3_bucket_public_access_block.state.restrict_public_buckets
    )
    error_message = "The bucket is not public."
  }

  assert {
    condition = (
      aws_s3_bucket_versioning.state.versioning_configuration[0].status == "Enabled" &&
      aws_s3_bucket_lifecycle_configuration.state.rule[0].filter[0].prefix == "ledger/" &&
      aws_s3_bucket_lifecycle_configuration.state.rule[0].noncurrent_version_expiration[0].noncurrent_days == 30
    )
    error_message = "Old versions of the ledger expire; those of the state are kept."
  }

  assert {
    condition = alltrue([
      for bucket in [
        aws_s3_bucket_versioning.state.bucket, aws_s3_bucket_public_access_block.state.bucket,
        aws_s3_bucket_policy.state.bucket, aws_s3_bucket_lifecycle_configuration.state.bucket,
      ] : bucket == "a-fork-s-state"
    ])
    error_message = "All of it is about the bucket that state_bucket names."
  }
}

run "what_cannot_exist" {
  command = plan

  variables {
    existing = ["bucket"]
  }

  expect_failures = [var.existing]
}
