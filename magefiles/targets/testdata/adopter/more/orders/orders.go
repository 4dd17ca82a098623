// Package orders declares orders-api and a deploy target of its own, which a magefile merges with those of package
// targets.
package orders

import (
	"context"
	"embed"

	"github.com/magefile/mage/mg"

	"github.com/growl-dev/deploy"
	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/magefiles/targets"
	"github.com/growl-dev/deploy/remote/docker"
)

// Sources are this package's own files, which the command line is checked by.
//
//go:embed *.go
var Sources embed.FS

// Service declares orders-api.
func Service() deploy.Service {
	return deploy.Service{
		Name:         "orders-api",
		Container:    docker.Spec{HostPort: 9000, HealthPath: "/ready"},
		Ledger:       "s3://orders-state/ledger?region=eu-central-1",
		Environments: map[string]deploy.Environment{"staging": {Fleet: fleet.File("staging.json")}},
	}
}

// Deploy rolls releases of orders-api out.
type Deploy mg.Namespace

// Nightly rolls the latest image out to staging.
func (Deploy) Nightly(ctx context.Context,
	// changes to the environment's policy
	policy *string,
) error {
	return targets.Roll(ctx, Service(), "staging", targets.Flags{Policy: policy})
}
