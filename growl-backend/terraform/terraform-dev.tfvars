environment = "dev"
region      = "us-west-1"
cidr        = "10.20.0.0/16"

instances = {
  growl-backend-dev-1 = { zone = 0, address = "10.20.0.11" }
  growl-backend-dev-2 = { zone = 1, address = "10.20.1.11" }
}
