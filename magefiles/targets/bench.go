package targets

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	// file to write raw counts to, as JSON
	report *string,
) (err error) {
	defer cleanError(&err)
	speed, err := benchFactor(factor, report)
	if err != nil {
		return err
	}
	measured := newBenchReport("deploy")
	result, err := benchOverWaits(ctx, speed)
	if err != nil {
		return err
	}
	printf("%s\n", result)
	measured.Results = []overWaits{result}
	return measured.write(report)
}

// overWaits is a run's time beside that of the waits that nothing can shorten.
type overWaits struct {
	RunMS   float64 `json:"run_ms"`
	WaitsMS float64 `json:"unavoidable_waits_ms"`
}

func (o overWaits) String() string {
	return fmt.Sprintf("run %.2fs · unavoidable waits %.2fs · ratio %.3f", o.RunMS/1000, o.WaitsMS/1000, o.RunMS/o.WaitsMS)
}

func benchOverWaits(ctx context.Context, factor float64) (result overWaits, err error) {
	dir, err := os.MkdirTemp("", "growl-bench-")
	if err != nil {
		return result, fmt.Errorf("make a folder for the report: %w", err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "report.json")
	if err := (Sandbox{}).Run(ctx, nil, nil, &factor, &file); err != nil {
		return result, err
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return result, unreadable("report", file, err)
	}
	var document report.Document
	if err := json.Unmarshal(content, &document); err != nil {
		return result, fmt.Errorf("read the report: %w", err)
	}
	return overWaits{ms(document.Finished.Sub(document.Started)), ms(unavoidable(document.Result, factor))}, nil
}

// registrationLag is how long the sandbox's load balancer takes to route to a
// registered target, in AWS's time; its health checks pass within that.
const registrationLag = 90 * time.Second

// unavoidable sums up, for instances that leave one at a time: the routing lag
// (longer than the drain's minimum), the container's own stop and start, the
// registration lag, and the pauses between instances.
func unavoidable(r rollout.Result, factor float64) time.Duration {
	policy := rollout.DefaultPolicy()
	swap := []rollout.StepName{rollout.StepStop, rollout.StepStart, rollout.StepProve}
	lags := max(policy.Drain.Min, policy.Drain.Lag) + registrationLag
	sum := time.Duration(float64(policy.Pause*time.Duration(len(r.Instances)-1)) / factor)
	for _, i := range r.Instances {
		sum += time.Duration(float64(lags) / factor)
		for _, s := range i.Steps {
			if slices.Contains(swap, s.Name) {
				sum += s.Finished.Sub(s.Started)
			}
		}
	}
	return sum
}
