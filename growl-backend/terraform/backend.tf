# A workspace per environment: dev's state is env:/dev/growl-backend/terraform.tfstate.
# The bucket is made once by hand (README.md): Terraform cannot keep its state in
# a bucket that it has yet to make.
terraform {
  backend "s3" {
    bucket       = "growl-tf-state"
    key          = "growl-backend/terraform.tfstate"
    region       = "us-west-1"
    encrypt      = true
    use_lockfile = true
  }
}
