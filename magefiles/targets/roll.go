package targets

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/growl-dev/deploy"
	"github.com/growl-dev/deploy/internal/console"
	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
	"github.com/growl-dev/deploy/telemetry"
)

// document is the report of a run, under a name that no flag has.
type document = report.Document

// Roll deploys to an environment of a service with the flags' options, or shows the plan. The error has the exit code
// that package deploy documents.
func Roll(ctx context.Context, service deploy.Service, environment string, flags Flags) (err error) {
	defer console.CleanError(&err)
	if err := service.CheckTag(environment, flags.tag()); err != nil {
		return ended(report.Document{}, err)
	}
	if set(flags.DryRun) {
		operator, err := flags.open(ctx, service, environment, nil)
		if err != nil {
			return ended(report.Document{}, err)
		}
		return planned(operator.Plan(ctx, flags.tag()))
	}
	return flags.run(ctx, service, environment, func(operator *deploy.Operator) (document, error) {
		return operator.Deploy(ctx, flags.tag())
	})
}

// run opens an environment, calls do, and sends the telemetry of that. Telemetry that cannot be sent is a warning,
// because the run does not depend on it.
func (f Flags) run(ctx context.Context, service deploy.Service, environment string, do func(*deploy.Operator) (document, error)) error {
	trace, err := telemetry.Start(ctx, service.Name, environment)
	warnOf(err)
	var result document
	operator, err := f.open(ctx, service, environment, trace)
	if err == nil {
		result, err = do(operator)
	}
	warnOf(trace.Finish(ctx, result, err))
	return ended(result, err)
}

func warnOf(err error) {
	if err != nil {
		console.Warnf("WARNING %s\n", report.Clean(err.Error()))
	}
}

// open opens an environment with the flags' options. Its runs are observed by trace, if that is not nil.
func (f Flags) open(ctx context.Context, service deploy.Service, environment string, trace *telemetry.Run) (*deploy.Operator, error) {
	options := f.options()
	options.Observe = trace.Observe
	var err error
	if options.SSH.MaxConnections, err = positive("SSH_MAX_CONNECTIONS"); err != nil {
		return nil, err
	}
	options.Ledger = located(service.Ledger, os.Getenv("DEPLOY_LEDGER"))
	if !set(f.Yes) {
		options.Confirm = func(question string) error {
			if console.Agree(question, environment) != nil {
				return deploy.ErrNotConfirmed
			}
			return nil
		}
	}
	operator, err := deploy.Open(ctx, service, environment, options)
	if errors.Is(err, deploy.ErrFleet) && options.Fleet == nil {
		err = fmt.Errorf("%w: -fleet=FILE or FLEET names a fleet file to read instead", err)
	}
	return operator, err
}

// planned prints a plan, and gives the error the exit code that the run would end with.
func planned(plan rollout.Plan, err error) error {
	switch {
	case plan.Outcome == rollout.Skipped:
		for n, text := range plan.Remarks {
			if n == len(plan.Remarks)-1 {
				text = "skipped: " + text
			}
			console.Printf("%s\n", text)
		}
	case len(plan.Instances) > 0:
		console.Printf("%s", plan)
	}
	return ended(report.Document{Result: rollout.Result{Outcome: plan.Outcome}}, err)
}
