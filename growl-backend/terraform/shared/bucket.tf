# The bucket itself is made once by hand, before there is a state that could hold it. Destroying these leaves the bucket
# and what is in it.

resource "aws_s3_bucket_versioning" "state" {
  bucket = var.state_bucket

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_public_access_block" "state" {
  bucket = var.state_bucket

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "state" {
  bucket = var.state_bucket

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TLSOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::${var.state_bucket}", "arn:aws:s3:::${var.state_bucket}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

# The lease's object is written every 20 s while a run lasts, and every write leaves a version. Versions of the state
# are kept.
resource "aws_s3_bucket_lifecycle_configuration" "state" {
  bucket = var.state_bucket

  rule {
    id     = "old ledger versions"
    status = "Enabled"

    filter {
      prefix = "ledger/"
    }

    noncurrent_version_expiration {
      noncurrent_days = 30
    }
  }

  depends_on = [aws_s3_bucket_versioning.state]
}
