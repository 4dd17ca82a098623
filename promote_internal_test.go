package deploy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/ledger/ledgertest"
	"github.com/growl-dev/deploy/rollout"
)

// ranOn is a run in a history: which digest it put on one instance, and how it ended.
type ranOn struct {
	commit, digest string
	outcome        rollout.Outcome
}

func TestComparePromoted(t *testing.T) {
	sha, other := strings.Repeat("a", 40), strings.Repeat("b", 40)
	same, moved := "sha256:"+strings.Repeat("1", 64), "sha256:"+strings.Repeat("2", 64)
	var long []ranOn
	for range 3 {
		long = append(long, ranOn{other, moved, rollout.Deployed})
	}
	for _, test := range []struct {
		name    string
		history []ranOn // the oldest first
		remark  string
		fault   string
	}{
		{"dev ran it", []ranOn{{sha, same, rollout.Deployed}, {other, moved, rollout.Deployed}}, "", ""},
		{"nothing", nil, "dev never ran commit " + sha + " on all its instances, by its last 0 runs", ""},
		{"others only", long, "dev never ran commit " + sha + " on all its instances, by its last 3 runs", ""},
		{"dev ran it already", []ranOn{{sha, same, rollout.UnchangedRun}}, "", ""},
		{"it failed on dev", []ranOn{{sha, same, rollout.RolledBack}}, "dev never ran commit " + sha, ""},
		{"the tag was moved", []ranOn{{sha, moved, rollout.Deployed}, {other, same, rollout.Deployed}}, "",
			"the tag " + sha + " now names " + same + ", but dev's run run-0 deployed " + moved + " under it"},
		{"the tag was moved, and dev ran both", []ranOn{{sha, moved, rollout.Deployed}, {sha, same, rollout.Deployed}}, "",
			"the tag " + sha + " now names " + same + ", but dev's run run-0 deployed " + moved + " under it"},
		{"the tag was moved, and what it names failed on dev", []ranOn{{sha, moved, rollout.Deployed}, {sha, same, rollout.RolledBack}}, "",
			"`mage deploy:to prod -tag=" + sha + " -digest=" + moved + "` deploys what dev ran"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := historyOf(t, test.history)
			p := promotion{from: "dev", to: "prod", release: rollout.Release{Image: "r.example/x@" + same, Tag: sha, Commit: sha}}
			remark, err := p.compare(t.Context(), l)
			if test.fault != "" {
				require.ErrorContains(t, err, test.fault)
				return
			}
			require.NoError(t, err)
			if test.remark == "" {
				assert.Empty(t, remark)
			}
			assert.Contains(t, remark, test.remark)
		})
	}
}

// historyOf makes dev's ledger with these runs.
func historyOf(t *testing.T, runs []ranOn) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(&ledgertest.Memory{}, "growl-backend/dev", ledger.Options{})
	require.NoError(t, err)
	for n, ran := range runs {
		id := fmt.Sprintf("run-%d", n)
		lease, err := l.Acquire(t.Context(), ledger.Holder{RunID: id})
		require.NoError(t, err)
		require.NoError(t, lease.Finish(t.Context(), rollout.Result{
			Run: id, Environment: "dev", Outcome: ran.outcome, Release: rollout.Release{Image: "r.example/x@" + ran.digest, Commit: ran.commit},
			Instances: []rollout.InstanceResult{{ID: "i-1", Release: ran.digest, Outcome: rollout.Updated}},
		}))
	}
	return l
}
