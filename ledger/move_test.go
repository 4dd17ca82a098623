package ledger_test

import (
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/ledger/ledgertest"
	"github.com/growl-dev/deploy/rollout"
)

// openAfter opens the ledger that was at the key "dev" before.
func openAfter(t *testing.T, store ledger.Store) *ledger.Ledger {
	t.Helper()
	book, err := ledger.Open(store, "app/dev", ledger.Options{Before: "dev"})
	require.NoError(t, err)
	return book
}

// ofBefore is a document as programs of version 1 wrote it, with these fields.
func ofBefore(fields string) []byte {
	return []byte(`{"version":1,"write":"a1b2","environment":"dev"` + fields + `}`)
}

const (
	ranBefore      = `"run":"old-1","owner":"ann","host":"laptop","process":41,"release":{"image":""},"began":"2026-01-02T03:04:05Z","journal":[{"time":"2026-01-02T03:04:05Z","instance":"i-1","step":"stop","mark":"begun"}]}`
	leaseOfBefore  = `,"lease":{"id":"c3","seconds":60,` + ranBefore
	recordOfBefore = `{"version":1,"holder":{"run":"old-0","release":{"image":""}},"began":"2026-01-02T03:04:05Z","result":{"run":"old-0","outcome":"deployed"}}`
)

func TestTheFirstRunMovesTheLedger(t *testing.T) {
	for name, data := range map[string][]byte{"nothing": nil, "idle": ofBefore(""), "a run that is not filed": ofBefore(`,"finished":[` + recordOfBefore + `]`)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &ledgertest.Memory{}
				if data != nil {
					store.Overwrite("dev/current", data)
				}
				for _, run := range []string{"run-1", "run-2"} {
					lease, err := openAfter(t, store).Acquire(t.Context(), holder(run))
					require.NoError(t, err)
					require.NoError(t, lease.Finish(t.Context(), result(run, rollout.Deployed, 1)))
				}
				var marker map[string]any
				require.NoError(t, json.Unmarshal(store.Read("dev/current"), &marker))
				assert.NotEmpty(t, marker["write"])
				delete(marker, "write")
				assert.Equal(t, map[string]any{"version": 2.0, "environment": "dev", "moved": "app/dev"}, marker)
				assert.Empty(t, store.Read("dev/history/old-0"), "something else was written at the key of before")
				records, err := openAfter(t, store).History(t.Context(), 10)
				require.NoError(t, err)
				want := []string{"run-2", "run-1"}
				if name == "a run that is not filed" {
					want = append(want, "old-0")
				}
				assert.Equal(t, want, runsOf(records))
			})
		})
	}
}

func runsOf(records []ledger.Record) (runs []string) {
	for _, r := range records {
		runs = append(runs, r.Result.Run)
	}
	return runs
}

func TestWhatIsLeftAtTheKeyOfBeforeRefusesTheMove(t *testing.T) {
	for name, row := range map[string]struct {
		data  []byte
		after time.Duration
		want  string
		held  bool
	}{
		"a living run":      {ofBefore(leaseOfBefore), 0, "dev is held by run old-1 of ann on laptop, process 41: wait for that run to end", true},
		"a dead run":        {ofBefore(leaseOfBefore), time.Minute, "run old-1 of ann on laptop, process 41 did not finish", false},
		"an unfinished run": {ofBefore(`,"unfinished":[{` + ranBefore + `]`), 0, "heal dev with the program that began that run", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &ledgertest.Memory{}
				store.Overwrite("dev/current", row.data)
				time.Sleep(row.after)
				book := openAfter(t, store)
				_, acquired := book.Acquire(t.Context(), holder("run-1"))
				status, err := book.Current(t.Context())
				require.NoError(t, err)
				for _, err := range []error{acquired, status.Refusal(), book.Unlock(t.Context(), ""), book.Unlock(t.Context(), "old-1")} {
					require.ErrorAs(t, err, new(*ledger.MoveError))
					require.ErrorContains(t, err, row.want)
					require.ErrorContains(t, err, "memory://dev/current")
					assert.Equal(t, row.held, isHeld(err))
				}
				assert.Equal(t, "memory://dev/current", status.Before)
				assert.Equal(t, row.held, status.Running())
				assert.Zero(t, store.Puts())
				assert.Equal(t, row.data, store.Read("dev/current"))
			})
		})
	}
}

func isHeld(err error) bool {
	_, held := errors.AsType[*ledger.HeldError](err)
	return held
}
