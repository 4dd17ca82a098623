// Package bench measures rollouts against the sandbox: how long they take, what they cost, and how many requests fail.
//
// Each bench runs the targets' program as people do, in a process of its own, so that the sandbox's own work does not
// count. The results depend on the machine: compare figures of one machine, with nothing else running. A result with a
// Missed method returns an error from it if the run broke a limit.
package bench

import (
	"cmp"
	"fmt"
	"os"

	"github.com/growl-dev/deploy/sandbox"
)

// DefaultFactor is the default of Options.Sandbox.Factor: a tenth of the real lags.
const DefaultFactor = 10

// Options configures the deploys of the benches, and the program that makes them.
type Options struct {
	// Sandbox is the environment that releases are rolled out in, with the service that Program declares. A bench sets
	// the number of instances and the lags itself. Factor zero: [DefaultFactor].
	Sandbox sandbox.Options
	// Program is the file of the compiled targets, which has to have the targets deploy:to, sandbox:run and sandbox:up.
	// Empty: this program.
	Program string
}

// withDefaults returns the options with the empty ones filled in.
func (o Options) withDefaults() (Options, error) {
	o.Sandbox.Factor = cmp.Or(o.Sandbox.Factor, DefaultFactor)
	o.Sandbox.Environment = cmp.Or(o.Sandbox.Environment, sandbox.DefaultEnvironment)
	if o.Program != "" {
		return o, nil
	}
	program, err := os.Executable()
	if err != nil {
		return o, fmt.Errorf("find the program of the targets: %w", err)
	}
	o.Program = program
	return o, nil
}
