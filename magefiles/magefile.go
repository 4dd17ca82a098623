//go:build mage

// Ships this repository's service onto its instances without a failed request.
package main

import (
	"io/fs"

	// mage:import
	"github.com/growl-dev/deploy/magefiles/growl"
	// mage:import
	"github.com/growl-dev/deploy/magefiles/targets"
	// mage:import
	"github.com/growl-dev/deploy/magefiles/upkeep"
)

var _ = targets.Use(growl.Service(), targets.Also{Aliases: Aliases, Sources: []fs.FS{growl.Sources, upkeep.Sources}})

// Aliases are the short names that the README uses.
var Aliases = map[string]any{
	"sandbox": targets.Sandbox.Run,
	"test":    upkeep.Test.All,
}
