environment   = "prod"
region        = "us-west-2"
cidr          = "10.30.0.0/16"
instance_type = "t3.medium"

instances = {
  growl-backend-prod-1 = { zone = 0, address = "10.30.0.11" }
  growl-backend-prod-2 = { zone = 1, address = "10.30.1.11" }
  growl-backend-prod-3 = { zone = 0, address = "10.30.0.12" }
}
