//go:build mage

// Ships orders-api onto its instances.
package main

import (
	"github.com/growl-dev/deploy"
	"github.com/growl-dev/deploy/fleet"
	// mage:import
	"github.com/growl-dev/deploy/magefiles/targets"
	"github.com/growl-dev/deploy/remote/docker"
)

var _ = targets.Use(deploy.Service{
	Name:      "orders-api",
	Container: docker.Spec{HostPort: 9000, HealthPath: "/ready"},
	Ledger:    "s3://orders-state/ledger?region=eu-central-1",
	Environments: map[string]deploy.Environment{
		"staging": {Fleet: fleet.File("staging.json")},
		"live":    {Fleet: fleet.File("live.json"), Policy: "rollback=true", CommitOnly: true, Confirm: true},
	},
}, targets.Also{Aliases: Aliases})

// Aliases lets `mage deploy staging` stand for `mage deploy:to staging`.
var Aliases = map[string]any{"deploy": targets.Deploy.To}
