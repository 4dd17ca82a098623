package s3api_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/ledger/ledgertest"
	"github.com/growl-dev/deploy/rollout"
	"github.com/growl-dev/deploy/sandbox/internal/s3api"
)

func (c *cloud) store(t *testing.T, o ledger.S3Options) *ledger.S3 {
	t.Helper()
	if o.Bucket == "" {
		o.Bucket = states
	}
	store, err := ledger.NewS3FromConfig(c.config, o)
	require.NoError(t, err)
	return store
}

func (c *cloud) ledger(t *testing.T, o ledger.S3Options) *ledger.Ledger {
	t.Helper()
	book, err := ledger.Open(c.store(t, o), "app/dev", ledger.Options{})
	require.NoError(t, err)
	return book
}

func acquire(t *testing.T, book *ledger.Ledger, run string) *ledger.Lease {
	t.Helper()
	lease, err := book.Acquire(t.Context(), ledger.Holder{RunID: run, Owner: "ann"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = lease.Release(context.Background()) })
	return lease
}

var begun = rollout.Entry{Instance: "i-1", Step: rollout.StepStop, Mark: rollout.Begun}

func TestTheLedgersStoreKeepsItsContract(t *testing.T) {
	for name, prefix := range map[string]string{"prefix": "deploy/ledger/", "no prefix": ""} {
		t.Run(name, func(t *testing.T) {
			ledgertest.TestStore(t, func(t *testing.T) (ledger.Store, ledger.Store) {
				c := newCloud(t)
				o := ledger.S3Options{Prefix: prefix}
				return c.store(t, o), c.store(t, o)
			})
		})
	}
}

func TestALedgerOnS3(t *testing.T) {
	c := newCloud(t)
	book := c.ledger(t, ledger.S3Options{Prefix: "deploy"})
	lease := acquire(t, book, "run-1")
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { assert.NoError(t, lease.Record(t.Context(), begun)) })
	}
	wg.Wait()
	_, err := c.ledger(t, ledger.S3Options{Prefix: "deploy"}).Acquire(t.Context(), ledger.Holder{RunID: "run-2"})
	var held *ledger.HeldError
	require.ErrorAs(t, err, &held)
	left := held.Lease.Ends.Sub(held.Now)
	assert.Greater(t, left, 20*time.Second)
	assert.LessOrEqual(t, left, 63*time.Second)
	require.NoError(t, lease.Finish(t.Context(), rollout.Result{Run: "run-1", Outcome: rollout.Deployed}))
	records, err := book.History(t.Context(), 5)
	require.NoError(t, err)
	require.Len(t, records, 1)
	assert.Contains(t, c.get(t, "deploy/app/dev/history/run-1"), `"outcome":"deployed"`)
}

// A third of the calls are throttled, answered with a conflict, or done with the
// answer lost: it takes longer.
func TestALedgerOnFaultyS3(t *testing.T) {
	for name, faults := range map[string]s3api.Faults{
		"throttled": {Throttle: 0.3}, "conflicts": {Conflict: 0.3}, "lost answers": {Lost: 0.3},
		"all": {Throttle: 0.1, Conflict: 0.1, Lost: 0.1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			c.SetFaults(faults)
			// Half of the product's times: the pauses between attempts too.
			book, err := ledger.Open(c.store(t, ledger.S3Options{}), "app/dev", ledger.Options{Lease: 30 * time.Second, Patience: 25 * time.Second, Attempt: 5 * time.Second})
			require.NoError(t, err)
			lease := acquire(t, book, "run-1")
			for _, step := range rollout.Steps()[:4] {
				require.NoError(t, lease.Record(t.Context(), rollout.Entry{Instance: "i-1", Step: step, Mark: rollout.Begun}))
			}
			require.NoError(t, lease.Finish(t.Context(), rollout.Result{Run: "run-1", Outcome: rollout.Deployed}))
			_, err = book.Find(t.Context(), "run-1")
			require.NoError(t, err)
		})
	}
}

func TestALedgerWhoseClockIsAnHourOff(t *testing.T) {
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		c := newCloud(t)
		c.SetFaults(s3api.Faults{Clock: off})
		book := c.ledger(t, ledger.S3Options{})
		lease := acquire(t, book, "run-1")
		require.NoError(t, lease.Record(t.Context(), begun))
		status, err := book.Current(t.Context())
		require.NoError(t, err)
		assert.True(t, status.Running())
		assert.WithinDuration(t, time.Now().Add(off), status.Now, time.Minute)

		c.SetFaults(s3api.Faults{Clock: off + 2*time.Minute}) // as after a sleep
		require.ErrorIs(t, lease.Record(t.Context(), begun), ledger.ErrLost)
	}
}

func TestS3ThatRefusesIsSaidInOneLine(t *testing.T) {
	for name, row := range map[string]struct {
		faults  s3api.Faults
		options ledger.S3Options
		key     string
		is      error
		want    string
	}{
		"read-only":      {s3api.Faults{ReadOnly: true}, ledger.S3Options{Prefix: "deploy"}, key, ledger.ErrDenied, "write s3://growl-states/deploy/app/dev/current: the store denies access: allow s3:GetObject and s3:PutObject on s3://growl-states/deploy/* and s3:ListBucket on the bucket"},
		"no bucket":      {s3api.Faults{}, ledger.S3Options{Bucket: "nowhere"}, key, ledger.ErrNoStore, "there is no bucket nowhere: check its name and the account"},
		"other region":   {s3api.Faults{}, ledger.S3Options{Region: "eu-west-1"}, key, ledger.ErrNoStore, "bucket growl-states is not in eu-west-1: name its region, us-west-1, in the ledger's location: s3://growl-states?region=us-west-1"},
		"no such key ID": {s3api.Faults{}, ledger.S3Options{}, "AKIASTRANGER00000000", ledger.ErrDenied, "the AWS credentials are expired or not valid"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			c.SetFaults(row.faults)
			c.config = loadConfig(t, c.url, row.key)
			_, err := c.ledger(t, row.options).Acquire(t.Context(), ledger.Holder{RunID: "run-1"})
			require.ErrorIs(t, err, row.is)
			require.ErrorContains(t, err, row.want)
			assert.NotContains(t, err.Error(), "\n")
			assert.NotContains(t, err.Error(), "secret")
			total := 0
			for _, calls := range c.Calls() {
				total += calls
			}
			assert.LessOrEqual(t, total, 2, "nothing is tried again")
		})
	}
}

func TestS3ThatIsNotThere(t *testing.T) {
	c := newCloud(t)
	c.config = loadConfig(t, "http://127.0.0.1:1", key)
	book, err := ledger.Open(c.store(t, ledger.S3Options{}), "app/dev", ledger.Options{Patience: 300 * time.Millisecond})
	require.NoError(t, err)
	_, err = book.Current(t.Context())
	require.ErrorIs(t, err, ledger.ErrUnavailable)
}

func TestS3OptionsThatMakeNoSense(t *testing.T) {
	c := newCloud(t)
	for want, o := range map[string]ledger.S3Options{
		`bucket ""`:    {},
		`prefix ".."`:  {Bucket: states, Prefix: "a/../b"},
		`bucket "a/b"`: {Bucket: "a/b"},
	} {
		_, err := ledger.NewS3FromConfig(c.config, o)
		require.ErrorContains(t, err, want)
	}
	c.config.Region = ""
	_, err := ledger.NewS3FromConfig(c.config, ledger.S3Options{Bucket: states})
	require.ErrorContains(t, err, "no AWS region: set AWS_REGION")
}
