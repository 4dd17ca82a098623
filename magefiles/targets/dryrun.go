package targets

import (
	"context"
	"fmt"
	"slices"

	"github.com/growl-dev/deploy/infra"
	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/rollout"
)

// dryRun prints what a run would do and changes nothing. It ends with the error and the exit code that the run
// would end with if nothing else goes wrong.
func dryRun(ctx context.Context, s settings, w *world, config rollout.Config) error {
	unfinished, err := w.free(ctx, s)
	if err != nil {
		return err
	}
	load, err := startProbe(ctx, s.Probe)
	if err != nil {
		return err
	}
	defer load.stop()
	config.Gates = slices.Concat(config.Gates, load.gates())
	for _, gate := range config.Gates {
		if drift, ok := gate.(*infra.Gate); ok {
			drift.InFlight = inFlight(unfinished) // the run puts them back before it asks for drift
		}
	}
	plan, err := rollout.MakePlan(ctx, config)
	for _, run := range unfinished {
		plan.Remarks = append(plan.Remarks, fmt.Sprintf("run %s did not finish: before all else, what it left out of service is put back", run.RunID))
	}
	for _, text := range w.skipped {
		plan.Remarks = append(plan.Remarks, "WARNING "+text)
	}
	if len(plan.Instances) > 0 {
		printf("%s", plan)
	}
	return ended(plan.Outcome, remedied(s.Environment, err))
}

// free returns the runs that died, and an error if another run holds the environment: a run could not begin.
func (w *world) free(ctx context.Context, s settings) ([]ledger.Run, error) {
	books, err := w.books(s.Environment, s.Ledger)
	if err != nil {
		return nil, err
	}
	status, err := books.Current(ctx)
	if err == nil {
		err = status.Refusal()
	}
	if err == nil {
		err = books.CheckClaims(ctx, w.fleet.TargetGroups)
	}
	switch {
	case err != nil:
		return nil, err
	case status.Lease != nil:
		return append(status.Unfinished, status.Lease.Run), nil
	}
	return status.Unfinished, nil
}

// inFlight are the instances that dead runs left out of service.
func inFlight(runs []ledger.Run) []string {
	last := map[string]rollout.Entry{}
	for _, run := range runs {
		for _, e := range run.Entries {
			last[e.Instance] = e
		}
	}
	var out []string
	for id, e := range last {
		if e.Step != rollout.StepPrepare && !e.Closes() {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}
