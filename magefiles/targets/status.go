package targets

import (
	"context"
	"errors"
	"time"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

// Status tells who holds an environment, which run is in flight, what runs on each instance, and what differs.
func (Deploy) Status(ctx context.Context,
	environment string,
	// private SSH key; default SSH_KEY, then the SSH agent
	sshKey *string,
	// JSON file that describes the fleet; default FLEET, then Terraform's outputs
	fleet *string,
) (err error) {
	defer cleanError(&err)
	s := operatorSettings(environment, sshKey, fleet, nil)
	world, _, _, err := s.reach(ctx)
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
	seal, sealing := envFileOf(environment).ReadSeal()
	health, err := world.groups.Health(ctx)
	o := world.overview(ctx, health, seal)
	o.remarks = append(o.remarks, world.unknown(health)...)
	if sealing != nil {
		o.remarks = append(o.remarks, sealing.Error())
	}
	return errors.Join(o.print(stdout()), err)
}

func printLease(s ledger.Status) {
	if s.Before != "" {
		printf("%s: %s\n", s.Environment, report.Clean(s.Refusal().Error()))
		return
	}
	switch {
	case s.Lease == nil:
		printf("%s: nobody deploys\n", s.Environment)
	case s.Running():
		printf("%s: held by %s, until %s unless renewed\n", s.Environment, report.Clean(s.Lease.Holder.String()), s.Lease.Ends.UTC().Format(time.TimeOnly))
		printRun("in flight", s.Lease.Run)
	default:
		printf("%s: %s died; `mage deploy:heal %s` puts back what it left\n", s.Environment, report.Clean(s.Lease.Holder.String()), s.Environment)
		printRun("unfinished", s.Lease.Run)
	}
	for _, run := range s.Unfinished {
		printf("%s: %s did not finish; `mage deploy:heal %s` puts back what it left\n", s.Environment, report.Clean(run.Holder.String()), s.Environment)
		printRun("unfinished", run)
	}
}

// printRun tells what a run rolls out, and where it is with each instance that it
// has out of service.
func printRun(what string, run ledger.Run) {
	release := run.Release.String()
	if run.Release.Image == "" {
		release = "no release"
	}
	printf("  %s since %s: %s\n", what, run.Began.UTC().Format(minute), report.Clean(release))
	last := map[string]rollout.Entry{}
	var order []string
	for _, e := range run.Entries {
		if _, seen := last[e.Instance]; !seen {
			order = append(order, e.Instance)
		}
		last[e.Instance] = e
	}
	for _, id := range order {
		if e := last[id]; e.Step != rollout.StepPrepare && !e.Closes() {
			printf("  %s: %s %s at %s\n", report.Clean(id), e.Step, e.Mark, e.Time.UTC().Format(time.TimeOnly))
		}
	}
}

// minute is how moments are told: nobody looks for seconds there.
const minute = "2006-01-02 15:04 UTC"
