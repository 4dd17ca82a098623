package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/growl-dev/deploy/rollout"
)

// Limits of a run's cost on the machine that deploys.
const (
	maxMemory = 400 << 20             // bytes, whatever the size of the fleet
	maxCPU    = 50 * time.Millisecond // per instance, in a fleet of a thousand
)

// FleetResult is the result of a run across a fleet of one size.
type FleetResult struct {
	Instances int     `json:"instances"`
	Batch     string  `json:"batch"`
	Updated   int     `json:"updated"`
	TotalMS   float64 `json:"total_ms"`
	// CPUMS and PeakBytes are those of the deploying process alone.
	CPUMS     float64 `json:"cpu_ms"`
	PeakBytes int64   `json:"peak_bytes"`
	// Calls counts the calls to AWS by action.
	Calls map[string]int `json:"calls"`
}

func (r FleetResult) String() string {
	seconds := r.TotalMS / 1000
	return fmt.Sprintf("%4d instances in %.0fs · memory %d MB · CPU %.1fms an instance · DescribeTargetHealth %d times, %.2f a second",
		r.Instances, seconds, r.PeakBytes>>20, r.CPUMS/float64(r.Instances),
		r.Calls["DescribeTargetHealth"], float64(r.Calls["DescribeTargetHealth"])/seconds)
}

// Missed returns an error if the run took too much memory, or too much CPU in a fleet of a thousand. The limit of CPU
// does not hold for a small fleet, because the program's own cost is spread over too few instances there.
func (r FleetResult) Missed() error {
	var missed []error
	if r.PeakBytes > maxMemory {
		missed = append(missed, fmt.Errorf("%d instances took %d MB: at most %d", r.Instances, r.PeakBytes>>20, maxMemory>>20))
	}
	if each := r.CPUMS / float64(r.Instances); r.Instances >= 1000 && each > ms(maxCPU) {
		missed = append(missed, fmt.Errorf("%d instances took %.1fms of CPU each: at most %s", r.Instances, each, maxCPU))
	}
	return joined(missed...)
}

// Fleet rolls a release out across a fleet of this many instances behind real SSH servers, a tenth of them at a time.
// The sandbox is in a process of its own, so that memory and time are the deploying process's alone.
func Fleet(ctx context.Context, o Options, size int) (result FleetResult, err error) {
	o, err = o.withDefaults()
	if err != nil {
		return result, err
	}
	far, err := o.farEnds(ctx, "-hollow", "-instances="+strconv.Itoa(size), "-factor="+decimal(o.Sandbox.Factor))
	if err != nil {
		return result, err
	}
	// These limits are not scaled, because this machine's own work takes as long as ever.
	policy, err := changed(far.get("POLICY"), "batch=10% prove=60s health=120s parallel=20")
	if err != nil {
		return result, errors.Join(err, far.end())
	}
	ran, err := o.deploy(ctx, far.vars, far.get("V2"), policy)
	if err := joined(err, far.end()); err != nil {
		return result, fmt.Errorf("fleet of %d: %w", size, err)
	}
	return FleetResult{
		Instances: size, Batch: "10%", Updated: updated(ran.Result), TotalMS: ms(ran.Finished.Sub(ran.Started)),
		CPUMS: ms(ran.CPU), PeakBytes: ran.Peak, Calls: far.calls,
	}, nil
}

// updated counts the instances that run the new release.
func updated(r rollout.Result) (n int) {
	for _, i := range r.Instances {
		if i.Outcome == rollout.Updated {
			n++
		}
	}
	return n
}
