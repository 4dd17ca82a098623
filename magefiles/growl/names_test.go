package growl_test

import (
	"github.com/growl-dev/deploy/magefiles/growl"
	"github.com/growl-dev/deploy/remote/docker"
)

// What the stories name of the declaration.
const (
	serviceDir      = "growl-backend"
	terraformDir    = growl.Terraform
	defaultBucket   = "growl-tf-state"
	ledgerPrefix    = "ledger"
	ledgerRegion    = "us-west-1"
	devEnv, devSeal = terraformDir + "/.env.dev", terraformDir + "/env-dev.sha256"
)

func service() docker.Spec { return growl.Service().WithDefaults().Container }
