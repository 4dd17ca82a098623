package targets_test

import (
	"context"

	"github.com/growl-dev/deploy"
	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/magefiles/targets"
	"github.com/growl-dev/deploy/remote/docker"
)

// A magefile declares its service, and lets `mage deploy staging` stand for `mage deploy:to staging`.
func ExampleUse() {
	aliases := map[string]any{"deploy": targets.Deploy.To}
	_ = targets.Use(deploy.Service{
		Name:      "orders-api",
		Container: docker.Spec{HostPort: 9000, HealthPath: "/ready"},
		Ledger:    "s3://orders-state/ledger?region=eu-central-1",
		Environments: map[string]deploy.Environment{
			"staging": {Fleet: fleet.File("staging.json")},
		},
	}, targets.Also{Aliases: aliases})
}

// A target of the magefile's own deploys with a policy of its own.
func ExampleRoll() {
	canary := func(ctx context.Context, service deploy.Service, tag string) error {
		policy := "canary=1 bake=10m"
		return targets.Roll(ctx, service, "live", targets.Flags{Tag: &tag, Policy: &policy})
	}
	_ = canary
}
