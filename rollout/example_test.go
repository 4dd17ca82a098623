package rollout_test

import (
	"fmt"

	"github.com/growl-dev/deploy/rollout"
)

// A policy is one line on a command line: changes to the documented process.
func ExampleParsePolicy() {
	policy, err := rollout.ParsePolicy(rollout.DefaultPolicy(), "batch=25% drain.min=30s")
	fmt.Println(policy.Batch, policy.Drain.Min, policy.Health, err)

	_, err = rollout.ParsePolicy(rollout.DefaultPolicy(), "batch=0")
	fmt.Println(err)
	// Output:
	// 25% 30s 5m0s <nil>
	// parse policy "batch=0": batch=0: batch=0 must be at least 1
}

// The outcome of a run is also the exit code of the target that ran it.
func ExampleOutcome_ExitCode() {
	fmt.Println(rollout.Deployed.ExitCode(), rollout.RolledBack.ExitCode(), rollout.Orphaned.ExitCode())
	// Output: 0 3 5
}
