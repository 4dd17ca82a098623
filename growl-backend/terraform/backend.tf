# A workspace per environment: dev's state is env:/dev/growl-backend/terraform.tfstate.
#
# The bucket is named by -backend-config=bucket=NAME at init, because every account has its own: the Mage targets pass
# TF_STATE_BUCKET. It is made once by hand (README.md): Terraform cannot keep its state in a bucket that it has yet to make.
terraform {
  backend "s3" {
    key          = "growl-backend/terraform.tfstate"
    region       = "us-west-1"
    encrypt      = true
    use_lockfile = true
  }
}
