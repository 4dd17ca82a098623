package fleet

import "github.com/growl-dev/deploy/rollout"

// Checked is a Source that can also compare an environment with the code that made it. A deploy makes this comparison
// before it changes anything.
type Checked interface {
	Source
	// Drift returns the gate that refuses a run if the environment differs from its code.
	Drift(environment string, o DriftOptions) (rollout.Gate, error)
	// Seal returns the SHA-256 of the env file that every instance must have, in hexadecimal digits. Empty: there is no
	// env file.
	Seal(environment string) (string, error)
}

// DriftOptions lists differences that are not drift.
type DriftOptions struct {
	// InFlight are the IDs of instances that an unfinished run left out of service. Recovery puts them back.
	InFlight []string
	// AllowEnv accepts differences that the seal of the env file explains.
	AllowEnv bool
}
