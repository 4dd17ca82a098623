package ledger_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/ledger/ledgertest"
	"github.com/growl-dev/deploy/rollout"
)

// ran is a record: its release, the one that the fleet ran before (0: several), and how each of two instances ended.
type ran struct {
	outcome   rollout.Outcome
	n, before int
	ends      [2]rollout.InstanceOutcome
}

func (r ran) result(run string) rollout.Result {
	result := rollout.Result{Run: run, Environment: "dev", Outcome: r.outcome}
	if r.n != 0 {
		result.Release = release(r.n)
	}
	if r.before != 0 {
		result.Before = rollout.Release{Image: release(r.before).Image, Commit: fmt.Sprint("commit-", r.before)} // as an instance names it
	}
	for i, end := range r.ends {
		runs := r.before
		if end == rollout.Updated || end == rollout.Unchanged {
			runs = r.n
		}
		if end != "" {
			result.Instances = append(result.Instances, rollout.InstanceResult{ID: fmt.Sprint("i-", i), Outcome: end, Release: release(runs).Digest()})
		}
	}
	return result
}

// TestPrevious holds which release a rollback chooses by the history, the oldest run first, and by the release that the
// whole fleet runs; 0: it runs several, or that cannot be read.
func TestPrevious(t *testing.T) {
	updated, restored, pending, unchanged := rollout.Updated, rollout.Restored, rollout.Pending, rollout.Unchanged
	good := func(n, before int) ran {
		return ran{rollout.Deployed, n, before, [2]rollout.InstanceOutcome{updated, updated}}
	}
	refused := ran{rollout.Refused, 3, 2, [2]rollout.InstanceOutcome{pending, pending}}
	rolledBack := ran{rollout.RolledBack, 3, 2, [2]rollout.InstanceOutcome{restored, pending}}
	mixed := ran{rollout.Mixed, 3, 2, [2]rollout.InstanceOutcome{updated, restored}}
	killed := ran{outcome: rollout.Interrupted, n: 3}
	healed := ran{rollout.Healed, 3, 0, [2]rollout.InstanceOutcome{restored, ""}}
	again := ran{rollout.UnchangedRun, 2, 2, [2]rollout.InstanceOutcome{unchanged, unchanged}}
	replaced := ran{outcome: rollout.Deployed, ends: [2]rollout.InstanceOutcome{updated, unchanged}}
	both := []ran{good(1, 9), good(2, 1)}
	for name, test := range map[string]struct {
		history []ran
		present int
		want    int // 0: none
	}{
		"nothing":                                {nil, 1, 0},
		"the second of two":                      {both, 2, 1},
		"the second of two, unread":              {both, 0, 1},
		"a halted deploy":                        {append(both, mixed), 0, 2},
		"a halted deploy that was taken further": {append(both, mixed), 3, 2},
		"a refused deploy":                       {append(both, refused), 2, 1},
		"a refused deploy, unread":               {append(both, refused), 0, 1},
		"a deploy that went back":                {append(both, rolledBack), 2, 1},
		"a deploy that went back, unread":        {append(both, rolledBack), 0, 1},
		"a killed deploy that was healed":        {append(both, killed, healed), 2, 1},
		"a killed deploy, and two releases":      {append(both, killed, healed), 0, 2},
		"nothing to do":                          {append(both, again), 2, 1},
		"replaced instances":                     {append(both, replaced), 2, 1},
		"the first deploy":                       {[]ran{good(1, 9)}, 1, 9},
		"the first deploy, halted":               {[]ran{{mixed.outcome, 1, 9, mixed.ends}}, 0, 9},
		"the first deploy, gone back":            {[]ran{{rolledBack.outcome, 1, 9, rolledBack.ends}}, 9, 0},
		"after a rollback by command":            {append(both, good(1, 2)), 1, 2},
		"changed by hand":                        {both, 7, 2},
		"what was changed by hand before":        {append(both, good(3, 7)), 3, 7},
		"an interrupted replacement":             {append(both, ran{outcome: rollout.Interrupted}), 0, 1},
		"several before":                         {[]ran{good(1, 0)}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &ledgertest.Memory{}
				for i, r := range test.history {
					id := fmt.Sprint("run-", i)
					require.NoError(t, acquire(t, store, id).Finish(t.Context(), r.result(id)))
					time.Sleep(time.Second)
				}
				var present func(string) bool
				if test.present != 0 {
					present = func(digest string) bool { return digest == release(test.present).Digest() }
				}
				found, err := open(t, store).Previous(t.Context(), present)
				if test.want == 0 {
					require.ErrorIs(t, err, ledger.ErrNoGoodRun)
					return
				}
				require.NoError(t, err)
				assert.Equal(t, release(test.want).Image, found.Image)
				tag := release(test.want).Tag
				if test.want >= 7 { // no run deployed it
					tag = found.Commit
				}
				assert.Equal(t, tag, found.Tag)
			})
		})
	}
}

func TestPreviousReadsEachRun(t *testing.T) {
	store := &ledgertest.Memory{}
	finish(t, store, "run-1", rollout.Deployed, 1)
	store.Overwrite("app/dev/history/run-1", []byte(`{"version":1,"result":{"run":"run-0"}}`))
	_, err := open(t, store).Previous(t.Context(), nil)
	require.ErrorContains(t, err, `read memory://app/dev/history/run-1: it is of run "run-0"`)
}
