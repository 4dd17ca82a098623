// Command ship deploys the image that IMAGE_TAG names to the environment that ENVIRONMENT names.
package main

import (
	"context"
	"os"

	"github.com/growl-dev/deploy"
	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/remote/docker"
)

func main() {
	orders := deploy.Service{
		Name:         "orders-api",
		Container:    docker.Spec{HostPort: 9000, HealthPath: "/ready"},
		Ledger:       "s3://orders-state/ledger?region=eu-central-1",
		Environments: map[string]deploy.Environment{"staging": {Fleet: fleet.File("staging.json")}, "live": {Fleet: fleet.File("live.json")}},
	}
	result, err := deploy.Run(context.Background(), orders, os.Getenv("ENVIRONMENT"), os.Getenv("IMAGE_TAG"), deploy.Options{
		SSH: deploy.SSH{KeyFile: os.Getenv("SSH_KEY")}, Policy: os.Getenv("POLICY"), Signals: true, Out: os.Stdout,
	})
	os.Exit(deploy.Exit(os.Stderr, result, err))
}
