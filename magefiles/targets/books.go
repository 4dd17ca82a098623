package targets

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/rollout"
)

const (
	// defaultBucket holds Terraform's state, and the ledger under ledgerPrefix.
	defaultBucket = "growl-tf-state"
	ledgerPrefix  = "ledger"
	ledgerRegion  = "us-west-1"
)

// finishTimeout bounds writing a run's end: the run's own context may be over.
const finishTimeout = 40 * time.Second

// books opens the environment's ledger. It is always in a bucket: a lock on a
// throw-away runner's disk is none.
func (w *world) books(environment, location string) (*ledger.Ledger, error) {
	bucket, prefix, ok := strings.Cut(strings.TrimPrefix(location, "s3://"), "/")
	if !strings.HasPrefix(location, "s3://") || !ok || bucket == "" {
		return nil, usage("ledger %q: want s3://BUCKET/PREFIX", location)
	}
	store, err := ledger.NewS3FromConfig(w.aws, ledger.S3Options{Bucket: bucket, Prefix: prefix, Region: ledgerRegion})
	if err != nil {
		return nil, err
	}
	// Before keys were SERVICE/ENV, the environment was the key of the only service there was.
	return ledger.Open(store, service().Name+"/"+environment, ledger.Options{Before: environment})
}

// acquire takes the lease for a run, and the fleet's target groups for this service and environment.
func (w *world) acquire(ctx context.Context, books *ledger.Ledger, by ledger.Holder) (*ledger.Lease, error) {
	lease, err := books.Acquire(ctx, by)
	if err != nil {
		return nil, err
	}
	if err := books.Claim(ctx, w.fleet.TargetGroups, by); err != nil {
		return nil, letGo(ctx, lease, err)
	}
	return lease, nil
}

// holder says who takes the lease, for those who are refused by it.
func holder(run string, release rollout.Release) ledger.Holder {
	host, _ := os.Hostname() // a lease without a host name is still a lease
	return ledger.Holder{
		RunID: run, Owner: cmp.Or(os.Getenv("GITHUB_ACTOR"), userName()), Host: host,
		Process: os.Getpid(), RunURL: runURL(os.Getenv), Release: release,
	}
}

func userName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// runURL is the page of the CI run and its attempt; empty outside CI.
func runURL(getenv func(string) string) string {
	if getenv("GITHUB_RUN_ID") == "" {
		return ""
	}
	return fmt.Sprintf("%s/%s/actions/runs/%s/attempts/%s", getenv("GITHUB_SERVER_URL"), getenv("GITHUB_REPOSITORY"),
		getenv("GITHUB_RUN_ID"), cmp.Or(getenv("GITHUB_RUN_ATTEMPT"), "1"))
}

// dead is what the runs that a lease inherited left behind, as one journal.
func dead(inherited []ledger.Run) rollout.Dead {
	var d rollout.Dead
	for _, run := range inherited {
		d.Run = run.RunID
		if run.Release.Image != "" {
			d.Release = run.Release
		}
		d.Entries = append(d.Entries, run.Entries...)
	}
	return d
}

// heal puts what dead runs left in flight back into service. What cannot be
// put back keeps its journal, so that the next command tries again.
func heal(ctx context.Context, lease *ledger.Lease, config rollout.Config) (rollout.Result, error) {
	d := dead(lease.Inherited())
	if len(d.Entries) == 0 {
		return rollout.Result{Run: config.ID, Environment: config.Environment, Outcome: rollout.UnchangedRun}, settled(ctx, lease)
	}
	result, err := rollout.Heal(ctx, config, d)
	if err != nil {
		return result, err
	}
	return result, settled(ctx, lease)
}

// settled says that the inherited runs are finished with.
func settled(ctx context.Context, lease *ledger.Lease) error {
	if len(lease.Inherited()) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	return lease.Healed(ctx)
}

// finish files the run's result and gives the lease back. A run that left an
// instance out of service, or in doubt, keeps its journal for the next command to
// heal; its record is filed then.
func finish(ctx context.Context, lease *ledger.Lease, result rollout.Result) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	if result.Outcome == rollout.Orphaned || result.InDoubt {
		return lease.Release(ctx)
	}
	return lease.Finish(ctx, result)
}
