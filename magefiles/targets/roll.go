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
)

// Roll deploys to an environment of a service with the flags' options, or shows the plan. The error has the exit code
// that package deploy documents.
func Roll(ctx context.Context, service deploy.Service, environment string, flags Flags) (err error) {
	defer console.CleanError(&err)
	if err := service.CheckTag(environment, flags.tag()); err != nil {
		return ended(report.Document{}, err)
	}
	operator, err := flags.open(ctx, service, environment)
	if err != nil {
		return ended(report.Document{}, err)
	}
	if set(flags.DryRun) {
		return planned(operator.Plan(ctx, flags.tag()))
	}
	return ended(operator.Deploy(ctx, flags.tag()))
}

// open opens an environment with the flags' options.
func (f Flags) open(ctx context.Context, service deploy.Service, environment string) (*deploy.Operator, error) {
	options := f.options()
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
