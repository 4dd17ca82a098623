package ledger_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/ledger/ledgertest"
	"github.com/growl-dev/deploy/rollout"
)

// leaseEnds is the time after its last write at which a lease has ended: a minute, and the margin for the store's whole
// seconds.
const leaseEnds = 62 * time.Second

func open(t *testing.T, store ledger.Store) *ledger.Ledger {
	t.Helper()
	book, err := ledger.Open(store, "app/dev", ledger.Options{})
	require.NoError(t, err)
	return book
}

func acquire(t *testing.T, store ledger.Store, run string) *ledger.Lease {
	t.Helper()
	lease, err := open(t, store).Acquire(t.Context(), holder(run))
	require.NoError(t, err)
	t.Cleanup(func() { _ = lease.Release(context.Background()) }) // ends its goroutine
	return lease
}

// holder is a run on a machine of its own, outside CI.
func holder(run string) ledger.Holder {
	return ledger.Holder{RunID: run, Owner: "ann", Host: "host-of-" + run, Process: 41, Release: release(1)}
}

// release is the n-th one, with a digest of its own.
func release(n int) rollout.Release {
	return rollout.Release{Image: "registry/app@sha256:" + strings.Repeat(fmt.Sprint(n), 64), Tag: fmt.Sprintf("v%d", n)}
}

func entry(instance string, step rollout.StepName, mark rollout.Mark) rollout.Entry {
	return rollout.Entry{
		Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Instance: instance, Step: step, Mark: mark,
		Targets: []rollout.Target{{Group: "arn:group", Instance: instance, Port: 8080}},
		Old:     release(0).Digest(), New: release(1).Digest(),
	}
}

func result(run string, outcome rollout.Outcome, n int) rollout.Result {
	ended := map[rollout.Outcome]rollout.InstanceOutcome{rollout.Deployed: rollout.Updated, rollout.RolledBack: rollout.Restored}
	return rollout.Result{
		Run: run, Environment: "dev", Outcome: outcome, Release: release(n),
		Instances: []rollout.InstanceResult{{ID: "i-1", Outcome: ended[outcome], Release: release(n).Digest()}},
	}
}

// process is a store as one process sees it, until that is killed: then nothing
// it asks for is done.
type process struct {
	ledger.Store
	killed atomic.Bool
}

var errKilled = fmt.Errorf("%w: this process was killed", ledger.ErrUnavailable)

func (p *process) Get(ctx context.Context, key string) (ledger.Object, error) {
	if p.killed.Load() {
		return ledger.Object{}, errKilled
	}
	return p.Store.Get(ctx, key)
}

func (p *process) Put(ctx context.Context, key string, data []byte, v ledger.Version) (ledger.Stamp, error) {
	if p.killed.Load() {
		return ledger.Stamp{}, errKilled
	}
	return p.Store.Put(ctx, key, data, v)
}

// puts faults the writes of one key, numbered from 1.
func puts(key string, fault func(n int) ledgertest.Fault) func(ledgertest.Call) ledgertest.Fault {
	n := 0
	return func(c ledgertest.Call) ledgertest.Fault {
		if c.Op != "put" || c.Key != key {
			return ledgertest.Fault{}
		}
		n++
		return fault(n)
	}
}

// always faults every call.
func always(f ledgertest.Fault) func(ledgertest.Call) ledgertest.Fault {
	return func(ledgertest.Call) ledgertest.Fault { return f }
}
