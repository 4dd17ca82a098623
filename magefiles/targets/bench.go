package targets

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/magefile/mage/mg"

	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// Bench measures; what it prints depends on the machine.
type Bench mg.Namespace

// Deploy rolls a release out in the sandbox and prints the run's time over the sum of the waits that nothing can shorten.
func (Bench) Deploy(ctx context.Context,
	// how many times faster than real the load balancer's time goes by; default 10
	factor *float64,
) error {
	if factor == nil {
		slow := 10.0
		factor = &slow
	}
	dir, err := os.MkdirTemp("", "growl-bench-")
	if err != nil {
		return fmt.Errorf("make a folder for the report: %w", err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "report.json")
	if err := (Sandbox{}).Run(ctx, nil, nil, factor, &file); err != nil {
		return err
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return unreadable("report", file, err)
	}
	var document report.Document
	if err := json.Unmarshal(content, &document); err != nil {
		return fmt.Errorf("read the report: %w", err)
	}
	took, waits := document.Finished.Sub(document.Started), unavoidable(document.Result, *factor)
	fmt.Printf("run %.2fs · unavoidable waits %.2fs · ratio %.3f\n", took.Seconds(), waits.Seconds(), took.Seconds()/waits.Seconds())
	return nil
}

// registrationLag is how long the sandbox's load balancer takes to route to a
// registered target, in AWS's time; its health checks pass within that.
const registrationLag = 90 * time.Second

// unavoidable sums up, for instances that leave one at a time: the routing lag
// (longer than the drain's minimum), the container's own stop and start, the
// registration lag, and the pauses between instances.
func unavoidable(r rollout.Result, factor float64) time.Duration {
	policy := rollout.DefaultPolicy()
	lags := max(policy.Drain.Min, policy.Drain.Lag) + registrationLag
	sum := time.Duration(float64(policy.Pause*time.Duration(len(r.Instances)-1)) / factor)
	for _, i := range r.Instances {
		sum += time.Duration(float64(lags) / factor)
		for _, s := range i.Steps {
			if rollout.PhaseOf(s.Name) == rollout.PhaseSwap {
				sum += s.Finished.Sub(s.Started)
			}
		}
	}
	return sum
}
