package targets

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/report"
)

// History lists the last runs of an environment and how they ended.
func (Deploy) History(ctx context.Context,
	environment string,
	// how many runs; default 10
	runs *int,
	// JSON file that describes the fleet; default FLEET, then Terraform's outputs
	fleet *string,
) (err error) {
	defer cleanError(&err)
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
	table := tabwriter.NewWriter(stdout(), 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "RUN\tBY\tOUTCOME\tRELEASE\tTOOK\tERROR")
	for _, r := range records {
		took := r.Result.Finished.Sub(r.Result.Started).Round(time.Second)
		fmt.Fprintln(table, cells(r.Holder.RunID, r.Holder.Owner, string(r.Result.Outcome), r.Result.Release.String(), took.String(),
			fmt.Sprintf("%.80s", report.Clean(r.Result.Error))))
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
) (err error) {
	defer cleanError(&err)
	books, err := openBooks(ctx, environment, fleet)
	if err != nil {
		return err
	}
	if err := books.Unlock(ctx, value(run, "", "")); err != nil {
		return err
	}
	printf("%s is free; `mage deploy:heal %s` puts back what was left in flight\n", environment, environment)
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
