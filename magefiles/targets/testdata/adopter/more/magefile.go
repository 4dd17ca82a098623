//go:build mage

// Ships orders-api with targets of its own.
package main

import (
	"context"
	"io/fs"

	// mage:import
	"example.com/orders-api/more/orders"

	// mage:import
	"github.com/growl-dev/deploy/magefiles/targets"
)

var service = targets.Use(orders.Service(), targets.Also{Sources: []fs.FS{orders.Sources}})

// Staging rolls a tag out to staging.
func Staging(ctx context.Context, tag string,
	// changes to the environment's policy
	policy *string,
) error {
	return targets.Roll(ctx, service, "staging", targets.Flags{Tag: &tag, Policy: policy})
}
