//go:build mage

// Ships growl-backend onto its instances without a failed request.
package main

import (
	"os"

	// mage:import
	"github.com/growl-dev/deploy/magefiles/targets"
)

// Aliases are the short names that the README uses.
var Aliases = map[string]any{
	"sandbox": targets.Sandbox.Run,
	"test":    targets.Test.All,
}

func init() { targets.CheckCommandLine(os.Args[1:], Aliases) }
