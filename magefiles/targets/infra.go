package targets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/magefile/mage/mg"

	"github.com/growl-dev/deploy"
	"github.com/growl-dev/deploy/infra"
	"github.com/growl-dev/deploy/internal/console"
	"github.com/growl-dev/deploy/internal/signals"
	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// Infra manages the infrastructure of an environment with Terraform.
type Infra mg.Namespace

// Plan shows what an apply would change in an environment, and who changed it: AWS or the code.
func (Infra) Plan(ctx context.Context, environment string) (err error) {
	defer console.CleanError(&err)
	made, err := stateOf(environment, console.Out())
	if err != nil {
		return err
	}
	plan, err := made.Plan(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plan.Close()) }()
	if len(plan.Changes) == 0 {
		console.Printf("no changes: %s is as the code says\n", environment)
	}
	printChanges(console.Out(), plan.Changes)
	warn(console.Out(), plan.Warnings)
	return nil
}

// printChanges prints changes, and whether AWS or the code was changed.
func printChanges(w io.Writer, changes []infra.Change) {
	for _, change := range changes {
		who := "not applied, the code was changed"
		if change.Kind == infra.Drift {
			who = "drift, AWS was changed"
		}
		fmt.Fprintf(w, "%s: %s\n", who, change)
	}
}

// warn prints the failed check blocks of a plan.
func warn(w io.Writer, warnings []string) {
	for _, text := range warnings {
		fmt.Fprintf(w, "WARNING Terraform's %s\n", text)
	}
}

// Apply applies the code to an environment; it refuses to take more than one instance of a target group out at once.
func (Infra) Apply(ctx context.Context, environment string,
	// replace instances in turn, each drained before and in service again after
	oneByOne *bool,
	// private SSH key; default SSH_KEY, then the SSH agent
	sshKey *string,
	// changes to the environment's policy, such as 'drain.min=30s'
	policy *string,
	// apply an env file without a variable
	allowEmptyEnv *bool,
	// apply without a confirmation, also if the environment requires one
	yes *bool,
) (err error) {
	defer console.CleanError(&err)
	shown := newOutput()
	defer shown.Flush()
	made, err := stateOf(environment, shown)
	if err != nil {
		return err
	}
	if err := made.CheckEnvFile(envFileCheck(allowEmptyEnv)); err != nil {
		return err
	}
	none := "" // a fleet file that FLEET names cannot name the instances that an apply makes
	a := application{name: environment, made: made, shown: shown, flags: Flags{SSHKey: sshKey, Fleet: &none, Policy: policy}, asks: !set(yes) && confirmed(environment)}
	ctx, stop := signals.Until(ctx)
	defer stop()
	if err := made.CreateWorkspace(ctx); err != nil {
		return err
	}
	if set(oneByOne) {
		if err := a.replaceInTurn(ctx); err != nil {
			return err
		}
	}
	return a.apply(ctx)
}

// confirmed reports whether a change of the environment, or of the shared configuration, needs a confirmation.
func confirmed(environment string) bool {
	return environment == infra.SharedState || declared.Environments[environment].Confirm
}

// application is an apply of an environment.
type application struct {
	name  string
	made  *infra.Environment
	shown *output // Terraform's
	flags Flags
	// asks is set until the apply is confirmed.
	asks bool
}

// agree asks a person to confirm, unless no confirmation is needed or one part of this apply was confirmed already.
func (a *application) agree(format string, args ...any) error {
	if !a.asks {
		return nil
	}
	a.asks = false
	a.shown.Flush() // the question follows what it is about
	return console.Agree(fmt.Sprintf(format, args...), a.name)
}

// apply applies a plan after the confirmation. It returns an error if differences remain, because then the environment
// still differs from its code.
func (a *application) apply(ctx context.Context) (err error) {
	plan, err := a.made.Plan(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plan.Close()) }()
	if err := plan.Allowed(); err != nil {
		return err
	}
	unsettled := plan.Unsettled()
	if len(unsettled) < len(plan.Changes) {
		printChanges(a.shown, plan.Changes)
		if err := a.agree("Apply %d changes to %s?", len(plan.Changes)-len(unsettled), a.name); err != nil {
			return err
		}
	}
	if err := plan.Apply(ctx); err != nil {
		return err
	}
	warn(a.shown, plan.Warnings)
	if len(unsettled) > 0 {
		return &infra.DriftError{Environment: a.name, Changes: unsettled}
	}
	return nil
}

// replaceInTurn replaces the instances that an apply would take out, one after the other, under the environment's
// lease.
func (a *application) replaceInTurn(ctx context.Context) error {
	taken, err := takenBy(ctx, a.made)
	if err != nil || len(taken) == 0 {
		return err
	}
	if err := a.agree("Replace %d instances of %s in turn, and apply the rest of the plan?", len(taken), a.name); err != nil {
		return err
	}
	return operate(ctx, a.name, a.flags, func(operator *deploy.Operator) (document, error) {
		done := 0
		result, err := operator.Replace(ctx, func(ctx context.Context, swap deploy.Swap) error {
			return a.made.OneByOne(ctx, taken, func(ctx context.Context, old infra.Taken, apply func(context.Context) (string, error)) error {
				err := swap(ctx, old.ID, apply)
				if err == nil {
					done++
				}
				return err
			})
		})
		fmt.Fprintf(a.shown, "replaced %d/%d\n", done, len(taken))
		return result, err
	})
}

// output prints Terraform's output. Terraform does not wait for the reader of the output, so that an instance that it
// replaces is not out of service for longer than necessary.
type output struct{ report.Buffer }

func newOutput() *output {
	o, out := &output{}, console.Out()
	o.Add(func(e rollout.Event) { _, _ = io.WriteString(out, e.Detail) })
	return o
}

func (o *output) Write(text []byte) (int, error) {
	o.Observe(rollout.Event{Detail: string(text)})
	return len(text), nil
}

// takenBy returns the instances that an apply would take out of service.
func takenBy(ctx context.Context, made *infra.Environment) ([]infra.Taken, error) {
	plan, err := made.Plan(ctx)
	if err != nil {
		return nil, err
	}
	return plan.Taken(), errors.Join(plan.AllowedInTurn(), plan.Close())
}

// Drift fails, with exit code 1, if an environment differs from its code; a deploy makes the same check first.
func (Infra) Drift(ctx context.Context, environment string) (err error) {
	defer console.CleanError(&err)
	made, err := stateOf(environment, console.Out())
	if err != nil {
		return err
	}
	gate := &infra.Gate{Environment: made}
	err = gate.Check(ctx)
	for _, text := range gate.Remarks() {
		console.Printf("%s\n", text)
	}
	if err != nil {
		return err
	}
	console.Printf("no drift: %s is as the code says\n", environment)
	return nil
}

// Output prints the outputs of an environment as JSON: instances, target groups, region, repository.
func (Infra) Output(ctx context.Context, environment string) (err error) {
	defer console.CleanError(&err)
	terraform, err := terraformOf(environment)
	if err != nil {
		return err
	}
	outputs, err := terraform.Fleet(ctx, environment)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(outputs, "", "  ")
	if err != nil {
		return fmt.Errorf("write the outputs: %w", err)
	}
	console.Printf("%s\n", text)
	return nil
}

// terraformOf returns the Terraform configuration that makes an environment's fleet.
func terraformOf(environment string) (infra.Terraform, error) {
	declared, err := service()
	if err != nil {
		return infra.Terraform{}, err
	}
	e, err := declared.Environment(environment)
	if err != nil {
		return infra.Terraform{}, ended(report.Document{}, err)
	}
	terraform, ok := e.Fleet.(infra.Terraform)
	if !ok {
		return infra.Terraform{}, console.Usage("Terraform does not make %s: its Fleet in the service's declaration is not infra.Fleet", environment)
	}
	return terraform, nil
}

// stateOf opens the Terraform configuration of an environment, or the one that all environments share. Terraform's output
// of plans and applies goes to show.
func stateOf(name string, show io.Writer) (*infra.Environment, error) {
	if name == infra.SharedState {
		return sharedState(show)
	}
	terraform, err := terraformOf(name)
	if err != nil {
		return nil, err
	}
	terraform.Show = show
	return terraform.Open(name)
}

// sharedState opens the configuration that all environments share. The first environment that declares its folder
// counts.
func sharedState(show io.Writer) (*infra.Environment, error) {
	declared, err := service()
	if err != nil {
		return nil, err
	}
	for _, name := range declared.EnvironmentNames() {
		if terraform, ok := declared.Environments[name].Fleet.(infra.Terraform); ok && terraform.Shared != "" {
			terraform.Show = show
			return terraform.OpenShared()
		}
	}
	return nil, console.Usage("the environments of %s share no Terraform configuration: want one of %s", declared.Name, strings.Join(declared.EnvironmentNames(), ", "))
}
