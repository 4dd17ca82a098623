package growl

import (
	"github.com/growl-dev/deploy/magefiles/targets"
	"github.com/growl-dev/deploy/sandbox"
)

// Sandbox returns the options of a sandbox of dev, for benches and tests.
func Sandbox() sandbox.Options {
	o, err := targets.SandboxOf(Service(), "dev")
	if err != nil {
		panic(err) // the declaration is a constant of this package
	}
	return o
}
