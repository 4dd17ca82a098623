# What an account has once is in a state of its own, so that no environment can destroy what another one needs. The
# bucket is named at init, as in the environments' configuration.
terraform {
  backend "s3" {
    key          = "growl-backend/shared.tfstate"
    region       = "us-west-1"
    encrypt      = true
    use_lockfile = true
  }
}
