package ledger_test

import (
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/ledger/ledgertest"
	"github.com/growl-dev/deploy/rollout"
)

// inJob returns the holder for a run of this process, as a step of a job of a GitHub workflow run.
func inJob(t *testing.T, run, job string) ledger.Holder {
	t.Setenv("GITHUB_SERVER_URL", "https://github.example")
	t.Setenv("GITHUB_REPOSITORY", "growl/deploy")
	t.Setenv("GITHUB_RUN_ID", "7")
	t.Setenv("RUNNER_TRACKING_ID", job)
	return ledger.Here(run, release(1))
}

// TestOnlyALaterStepOfTheSameJobTakesTheLeaseAtOnce: all jobs of a matrix have one page and one name.
func TestOnlyALaterStepOfTheSameJobTakesTheLeaseAtOnce(t *testing.T) {
	child := exec.CommandContext(t.Context(), "true")
	require.NoError(t, child.Run())
	step := inJob(t, "run-1", "github_1")
	ended := step
	ended.Process = child.Process.Pid
	elsewhere := ended
	elsewhere.Boot = "another"
	unknown := ended
	unknown.Started = 0
	without := ended
	without.Job = ""

	const refused, atOnce, atTheEnd = "refused", "at once", "at the end of the lease"
	for name, row := range map[string]struct {
		holder ledger.Holder
		dies   bool
		by     ledger.Holder
		want   string
	}{
		"a later step":                           {ended, true, inJob(t, "run-2", "github_1"), atOnce},
		"another job of the matrix":              {ended, true, inJob(t, "run-2", "github_2"), refused},
		"another attempt":                        {ended, true, func() ledger.Holder { h := inJob(t, "run-2", "github_1"); h.RunURL += "0"; return h }(), refused},
		"a job that cannot be told":              {without, true, inJob(t, "run-2", ""), refused},
		"beside the process that deploys":        {step, false, inJob(t, "run-2", "github_1"), refused},
		"of a process elsewhere that lives":      {elsewhere, false, inJob(t, "run-2", "github_1"), refused},
		"of a process elsewhere that died":       {elsewhere, true, inJob(t, "run-2", "github_1"), atTheEnd},
		"of a process that cannot be identified": {unknown, true, inJob(t, "run-2", "github_1"), atTheEnd},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &ledgertest.Memory{}
				life := &process{Store: store}
				lease, err := open(t, life).Acquire(t.Context(), row.holder)
				require.NoError(t, err)
				sent := time.Now()
				require.NoError(t, lease.Record(t.Context(), intent("i-1", rollout.StepStop, 55*time.Second)))
				life.killed.Store(row.dies)
				next, err := open(t, store).Acquire(t.Context(), row.by)
				if row.want == refused {
					require.ErrorAs(t, err, new(*ledger.HeldError))
					if row.dies {
						<-lease.Lost()
					} else {
						require.NoError(t, lease.Release(t.Context()))
					}
					return
				}
				require.NoError(t, err)
				left := next.Unfinished()
				assert.Len(t, left.Entries, 1)
				if row.want == atOnce {
					assert.Zero(t, time.Since(sent))
					assert.GreaterOrEqual(t, left.ActsUntil.Sub(sent), 55*time.Second, "its act may still be applied")
				} else {
					assert.Equal(t, leaseEnds, time.Since(sent))
					assert.Zero(t, left.ActsUntil)
				}
				require.NoError(t, next.Release(t.Context()))
				<-lease.Lost()
			})
		})
	}
}
