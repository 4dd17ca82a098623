package targets

import (
	"context"
	"fmt"
	"os"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/rollout"
)

// Status tells who holds an environment, which run is in flight, and what runs on each instance.
func (Deploy) Status(ctx context.Context,
	environment string,
	// private SSH key; default SSH_KEY, then the SSH agent
	sshKey *string,
	// JSON file that describes the fleet; default FLEET, then Terraform's outputs
	fleet *string,
) error {
	s := operatorSettings(environment, sshKey, fleet, nil)
	world, _, err := s.open(ctx)
	if err != nil {
		return err
	}
	books, err := world.books(environment, s.Ledger)
	if err != nil {
		return err
	}
	status, err := books.Current(ctx)
	if err != nil {
		return err
	}
	printLease(status)
	health, err := world.groups.Health(ctx)
	if err != nil {
		return err
	}
	return world.printInstances(ctx, health)
}

func printLease(s ledger.Status) {
	switch {
	case s.Lease == nil:
		fmt.Printf("%s: nobody deploys\n", s.Environment)
	case s.Running():
		fmt.Printf("%s: held by %s, until %s unless renewed\n", s.Environment, s.Lease.Holder, s.Lease.Ends.UTC().Format(time.TimeOnly))
	default:
		fmt.Printf("%s: %s died; `mage deploy:heal %s` puts back what it left\n", s.Environment, s.Lease.Holder, s.Environment)
	}
	for _, run := range s.Unfinished {
		fmt.Printf("  unfinished: %s, %s\n", run.Holder, run.Release)
	}
}

// printInstances asks every instance what it runs and prints a row for each.
func (w *world) printInstances(ctx context.Context, health rollout.Health) error {
	rows := make([]string, len(w.fleet.Instances))
	var wg sync.WaitGroup
	for n, i := range w.fleet.Instances {
		wg.Go(func() { rows[n] = w.row(ctx, i, health) })
	}
	wg.Wait()
	table := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "INSTANCE\tNAME\tZONE\tRUNS\tCOMMIT\tSINCE\tTARGET HEALTH")
	for _, row := range rows {
		fmt.Fprintln(table, row)
	}
	return table.Flush()
}

func (w *world) row(ctx context.Context, i rollout.Instance, health rollout.Health) string {
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%s", i.ID, i.Name, i.Zone, w.runs(ctx, i), health.Of(i.ID))
}

// runs is what an instance says it runs, its commit and since when; what keeps it
// from saying so otherwise.
func (w *world) runs(ctx context.Context, i rollout.Instance) string {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	host, err := w.connect(ctx, i)
	if err != nil {
		return err.Error() + "\t\t"
	}
	defer host.Close()
	state, err := host.Inspect(ctx)
	switch {
	case err != nil:
		return err.Error() + "\t\t"
	case !state.Running:
		return "nothing\t\t"
	}
	return fmt.Sprintf("%s\t%.12s\t%s", state.Release, state.Release.Commit, state.Since.UTC().Format("2006-01-02 15:04 UTC"))
}

// History lists the last runs of an environment and how they ended.
func (Deploy) History(ctx context.Context,
	environment string,
	// how many runs; default 10
	runs *int,
	// JSON file that describes the fleet; default FLEET, then Terraform's outputs
	fleet *string,
) error {
	books, err := openBooks(ctx, environment, fleet)
	if err != nil {
		return err
	}
	n := 10
	if runs != nil {
		n = *runs
	}
	if n < 1 {
		return usage("-runs=%d: want at least 1", n)
	}
	records, err := books.History(ctx, n)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "RUN\tBY\tOUTCOME\tRELEASE\tTOOK\tERROR")
	for _, r := range records {
		took := r.Result.Finished.Sub(r.Result.Started).Round(time.Second)
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%.80s\n", r.Holder.RunID, r.Holder.Owner, r.Result.Outcome, r.Result.Release, took, r.Result.Error)
	}
	return table.Flush()
}

// Unlock takes the lease from a run that died, or from a living one whose ID is typed out in -run.
func (Deploy) Unlock(ctx context.Context,
	environment string,
	// ID of the run that holds the environment; default: only a lease that has ended
	run *string,
	// JSON file that describes the fleet; default FLEET, then Terraform's outputs
	fleet *string,
) error {
	books, err := openBooks(ctx, environment, fleet)
	if err != nil {
		return err
	}
	if err := books.Unlock(ctx, value(run, "", "")); err != nil {
		return err
	}
	fmt.Printf("%s is free; `mage deploy:heal %s` puts back what was left in flight\n", environment, environment)
	return nil
}

func openBooks(ctx context.Context, environment string, fleet *string) (*ledger.Ledger, error) {
	s := operatorSettings(environment, nil, fleet, nil)
	if _, err := s.check(); err != nil {
		return nil, err
	}
	parsed, _, err := s.fleet(ctx)
	if err != nil {
		return nil, err
	}
	cfg, err := awsConfig(ctx, parsed)
	if err != nil {
		return nil, err
	}
	return (&world{aws: cfg}).books(environment, ledgerLocation())
}
