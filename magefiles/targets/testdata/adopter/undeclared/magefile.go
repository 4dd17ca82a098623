//go:build mage

// Imports the targets and declares no service.
package main

import (
	// mage:import
	_ "github.com/growl-dev/deploy/magefiles/targets"
)
