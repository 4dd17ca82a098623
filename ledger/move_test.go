package ledger_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/ledger/ledgertest"
	"github.com/growl-dev/deploy/rollout"
)

// openAfter opens the ledger whose key was "dev" before.
func openAfter(t *testing.T, store ledger.Store) *ledger.Ledger {
	t.Helper()
	book, err := ledger.Open(store, "app/dev", ledger.Options{Before: "dev"})
	require.NoError(t, err)
	return book
}

// ofBefore returns an object that a program of before wrote. See testdata/before/README.md.
func ofBefore(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "before", name))
	require.NoError(t, err)
	return data
}

// runsOfBefore are the runs of its history, the latest first.
var runsOfBefore = []string{"20261129T150454Z-2b33", "20261129T150254Z-85de", "20261129T150141Z-3b0c", "20261129T150130Z-9dd9"}

// deadOfBefore is the run of lease.json and unfinished.json.
const deadOfBefore = "20261129T150500Z-ed2b"

// withHistory puts the history of before into a store, and a document in its place unless it is empty.
func withHistory(t *testing.T, document []byte) *ledgertest.Memory {
	t.Helper()
	store := &ledgertest.Memory{}
	for i := range runsOfBefore {
		run := runsOfBefore[len(runsOfBefore)-1-i]
		store.Overwrite("dev/history/"+run, ofBefore(t, "history/"+run+".json"))
		time.Sleep(time.Second)
	}
	if document != nil {
		store.Overwrite("dev/current", document)
	}
	return store
}

// unfiled is idle.json with a record that was not filed yet, as between two writes of the program of before.
func unfiled(t *testing.T, run string) []byte {
	t.Helper()
	idle, ends := strings.CutSuffix(string(ofBefore(t, "idle.json")), "}")
	require.True(t, ends)
	return []byte(idle + `,"finished":[` + string(ofBefore(t, "history/"+run+".json")) + `]}`)
}

func runsOf(records []ledger.Record) (runs []string) {
	for _, r := range records {
		runs = append(runs, r.Result.Run)
	}
	return runs
}

func TestTheFirstRunMovesTheLedger(t *testing.T) {
	for name, data := range map[string][]byte{"nothing": nil, "idle": ofBefore(t, "idle.json")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := withHistory(t, data)
				var marker []byte
				for _, run := range []string{"run-1", "run-2"} {
					lease, err := openAfter(t, store).Acquire(t.Context(), holder(run))
					require.NoError(t, err)
					require.NoError(t, lease.Finish(t.Context(), result(run, rollout.Deployed, 1)))
					if marker != nil {
						assert.Equal(t, marker, store.Read("dev/current"), "it was moved twice")
					}
					marker = store.Read("dev/current")
					time.Sleep(time.Second)
				}
				var fields map[string]any
				require.NoError(t, json.Unmarshal(marker, &fields))
				assert.NotEmpty(t, fields["write"])
				delete(fields, "write")
				assert.Equal(t, map[string]any{"version": 2.0, "environment": "dev", "moved": "app/dev"}, fields)
				records, err := openAfter(t, store).History(t.Context(), 10)
				require.NoError(t, err)
				assert.Equal(t, append([]string{"run-2", "run-1"}, runsOfBefore...), runsOf(records))
			})
		})
	}
}

func TestARecordThatWasNotFiledMovesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		last := runsOfBefore[0]
		store := &ledgertest.Memory{}
		store.Overwrite("dev/current", unfiled(t, last))
		book := openAfter(t, store)
		records, err := book.History(t.Context(), 10)
		require.NoError(t, err)
		assert.Equal(t, []string{last}, runsOf(records), "before the move")
		_, err = book.Find(t.Context(), last)
		require.NoError(t, err)

		lease, err := book.Acquire(t.Context(), holder("run-1"))
		require.NoError(t, err)
		require.NoError(t, lease.Release(t.Context()))
		assert.Nil(t, store.Read("dev/history/"+last), "the move wrote at the key of before")
		_, err = book.Find(t.Context(), last)
		require.NoError(t, err)
		// A program of before may have filed it meanwhile.
		store.Overwrite("dev/history/"+last, ofBefore(t, "history/"+last+".json"))
		records, err = book.History(t.Context(), 10)
		require.NoError(t, err)
		assert.Equal(t, []string{last}, runsOf(records))
	})
}

// TestTheHistoryOfBeforeStaysReadable reads it before the move and after it.
func TestTheHistoryOfBeforeStaysReadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := withHistory(t, ofBefore(t, "idle.json"))
		book := openAfter(t, store)
		for range 2 {
			records, err := book.History(t.Context(), 3)
			require.NoError(t, err)
			assert.Equal(t, runsOfBefore[:3], runsOf(records))
			for _, run := range runsOfBefore {
				r, err := book.Find(t.Context(), run)
				require.NoError(t, err)
				assert.Equal(t, run, r.Holder.RunID)
			}
			_, err = book.Find(t.Context(), "nonesuch")
			require.ErrorIs(t, err, ledger.ErrNotFound)
			last, err := book.Find(t.Context(), runsOfBefore[0])
			require.NoError(t, err)
			assert.Len(t, last.Result.Instances, 2)
			good, err := book.Previous(t.Context(), func(string) bool { return false })
			require.NoError(t, err)
			assert.Equal(t, last.Result.Release, good)

			lease, err := book.Acquire(t.Context(), holder("run-1")) // moves it the first time
			require.NoError(t, err)
			require.NoError(t, lease.Release(t.Context()))
		}
		_, err := openAs(t, store, "app/dev").Find(t.Context(), runsOfBefore[0])
		require.ErrorIs(t, err, ledger.ErrNotFound, "without a key of before it is nobody's")
	})
}

func TestWhatIsLeftAtTheKeyOfBeforeRefusesTheMove(t *testing.T) {
	for name, row := range map[string]struct {
		file  string
		after time.Duration
		want  string
		held  bool
	}{
		"a living run":      {"lease.json", 0, "dev is held by run " + deadOfBefore + " of root on vm, process 26847: wait for that run to end", true},
		"a dead run":        {"lease.json", leaseEnds, "run " + deadOfBefore + " of root on vm, process 26847 did not finish", false},
		"an unfinished run": {"unfinished.json", 0, "run `mage deploy:heal dev` at its commit, and then try again", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				data := ofBefore(t, row.file)
				store := withHistory(t, data)
				puts := store.Puts()
				time.Sleep(row.after)
				book := openAfter(t, store)
				_, acquired := book.Acquire(t.Context(), holder("run-1"))
				status, err := book.Current(t.Context())
				require.NoError(t, err)
				for _, err := range []error{acquired, status.Refusal(), book.Unlock(t.Context(), ""), book.Unlock(t.Context(), deadOfBefore)} {
					require.ErrorAs(t, err, new(*ledger.MoveError))
					require.ErrorContains(t, err, row.want)
					require.ErrorContains(t, err, "memory://dev/current")
					assert.NotContains(t, err.Error(), "\n")
					assert.Equal(t, row.held, isHeld(err))
				}
				assert.Equal(t, "memory://dev/current", status.Before)
				assert.Equal(t, status.Refusal().Error()+"\n", status.String())
				assert.Equal(t, row.held, status.Running())
				assert.Equal(t, puts, store.Puts(), "something was written")
				assert.Equal(t, data, store.Read("dev/current"))
				records, err := book.History(t.Context(), 10)
				require.NoError(t, err)
				assert.Equal(t, runsOfBefore, runsOf(records))
			})
		})
	}
}

func isHeld(err error) bool {
	_, held := errors.AsType[*ledger.HeldError](err)
	return held
}

func TestAStatusIsTheRefusalOfARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &ledgertest.Memory{}
		book := openAfter(t, store)
		status, err := book.Current(t.Context())
		require.NoError(t, err)
		require.NoError(t, status.Refusal())
		acquire := acquire(t, store, "run-1") // by the key alone
		status, err = book.Current(t.Context())
		require.NoError(t, err)
		assert.Empty(t, status.Before)
		assert.True(t, isHeld(status.Refusal()))
		require.NoError(t, acquire.Release(t.Context()))
	})
}

// TestALedgerThatWasMovedToAnotherKeyIsNotMovedAgain: two services name one key of before, of which one is wrong.
func TestALedgerThatWasMovedToAnotherKeyIsNotMovedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := withHistory(t, ofBefore(t, "idle.json"))
		lease, err := openAfter(t, store).Acquire(t.Context(), holder("run-1"))
		require.NoError(t, err)
		require.NoError(t, lease.Release(t.Context()))
		marker := store.Read("dev/current")

		other, err := ledger.Open(store, "orders/dev", ledger.Options{Before: "dev"})
		require.NoError(t, err)
		puts := store.Puts()
		_, acquired := other.Acquire(t.Context(), holder("run-2"))
		_, read := other.Current(t.Context())
		_, listed := other.History(t.Context(), 1)
		_, found := other.Find(t.Context(), "nonesuch")
		for _, err := range []error{acquired, read, listed, found, other.Unlock(t.Context(), "")} {
			require.ErrorContains(t, err, "memory://dev/current was moved to the key app/dev")
		}
		assert.Equal(t, puts, store.Puts())
		assert.Equal(t, marker, store.Read("dev/current"))
	})
}

func TestWhatIsNotUnderstoodAtTheKeyOfBeforeIsLeftAlone(t *testing.T) {
	idle := string(ofBefore(t, "idle.json"))
	for name, row := range map[string]struct{ data, want string }{
		"cut off":           {idle[:20], "cut off or not JSON"},
		"a later version":   {`{"version":3}`, "it is of version 3, this program knows version 2"},
		"of an environment": {strings.Replace(idle, `"dev"`, `"prod"`, 1), `it is of environment "prod", not "dev"`},
		"of a service":      {strings.Replace(idle, `"environment"`, `"service":"app","environment"`, 1), `it is of service "app", not ""`},
		"no marker":         {strings.Replace(idle, `"version":1`, `"version":2`, 1), `it is of version 2 and was moved to ""`},
		"moved, version 1":  {strings.Replace(idle, `"environment"`, `"moved":"app/dev","environment"`, 1), `it is of version 1 and was moved to "app/dev"`},
		"moved, with runs": {strings.Replace(strings.Replace(string(ofBefore(t, "unfinished.json")), `"version":1`, `"version":2`, 1), `"environment"`, `"moved":"app/dev","environment"`, 1),
			"it was moved to app/dev and holds runs"},
	} {
		t.Run(name, func(t *testing.T) {
			require.NotEqual(t, idle, row.data, "the row changes nothing")
			store := &ledgertest.Memory{}
			store.Overwrite("dev/current", []byte(row.data))
			book := openAfter(t, store)
			_, acquired := book.Acquire(t.Context(), holder("run-2"))
			_, read := book.Current(t.Context())
			_, listed := book.History(t.Context(), 1)
			for _, err := range []error{acquired, read, listed, book.Unlock(t.Context(), "run-1")} {
				require.ErrorAs(t, err, new(*ledger.FormatError))
				require.ErrorContains(t, err, "read memory://dev/current: ")
				require.ErrorContains(t, err, row.want)
			}
			assert.Zero(t, store.Puts())
			assert.Equal(t, row.data, string(store.Read("dev/current")))
		})
	}
}

// TestTheMoveUnderAPolicy is the move by a role that may list some prefixes alone, so that what does not exist is hidden.
func TestTheMoveUnderAPolicy(t *testing.T) {
	t.Run("after the program of before", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := unlisted{withHistory(t, ofBefore(t, "idle.json")), true}
			book := openAfter(t, store)
			status, err := book.Current(t.Context())
			require.NoError(t, err, "nothing can be at the new key before the move")
			require.NoError(t, status.Refusal())
			good, err := book.Previous(t.Context(), func(string) bool { return false })
			require.NoError(t, err)
			assert.NotEmpty(t, good.Image)
			_, err = book.Find(t.Context(), runsOfBefore[3])
			require.NoError(t, err)
			lease, err := book.Acquire(t.Context(), holder("run-1"))
			require.NoError(t, err)
			require.NoError(t, lease.Release(t.Context()))
			_, err = book.Find(t.Context(), runsOfBefore[3])
			require.NoError(t, err)
		})
	})
	t.Run("nothing before", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := unlisted{&ledgertest.Memory{}, true}
			_, err := openAfter(t, store).Current(t.Context())
			require.ErrorIs(t, err, ledger.ErrHidden)
			lease, err := openAfter(t, store).Acquire(t.Context(), holder("run-1"))
			require.NoError(t, err)
			require.NoError(t, lease.Release(t.Context()))
			assert.Contains(t, string(store.Read("dev/current")), `"moved":"app/dev"`)
		})
	})
	t.Run("no permission to read the old one", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := hiding{withHistory(t, ofBefore(t, "lease.json")), "dev/current"}
			_, err := openAfter(t, store).Current(t.Context())
			require.ErrorIs(t, err, ledger.ErrHidden, "a lease may be there")
			require.ErrorIs(t, openAfter(t, store).Unlock(t.Context(), ""), ledger.ErrHidden)
			_, err = openAfter(t, store).Acquire(t.Context(), holder("run-1"))
			require.ErrorContains(t, err, "it exists, because it could not be created: allow s3:GetObject on it")
			assert.Nil(t, store.Read("app/dev/current"))
		})
	})
}
