package fleet

import "github.com/growl-dev/deploy/rollout"

// Checked is a Source that can also compare what it is a source of with the code that made it. A deploy compares before
// it touches anything.
type Checked interface {
	Source
	// Drift returns the gate that refuses a run over an environment that is not as its code says.
	Drift(environment string, o DriftOptions) (rollout.Gate, error)
	// Seal returns the SHA-256 of the env file that every instance must have, in hexadecimal digits. Empty: there is no
	// env file.
	Seal(environment string) (string, error)
}

// DriftOptions say what is not drift.
type DriftOptions struct {
	// InFlight are the IDs of instances that a dead run left out of service. Recovery puts them back.
	InFlight []string
	// AllowEnv lets pass what the seal of the env file explains.
	AllowEnv bool
}
