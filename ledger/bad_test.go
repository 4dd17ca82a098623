package ledger_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/ledger/ledgertest"
	"github.com/growl-dev/deploy/rollout"
)

// written returns the document of a run that is in progress.
func written(t *testing.T) string {
	store := &ledgertest.Memory{}
	lease := acquire(t, store, "run-1")
	require.NoError(t, lease.Record(t.Context(), entry("i-1", rollout.StepStop, rollout.Begun)))
	data := store.Read("app/dev/current")
	require.NoError(t, lease.Release(t.Context()))
	return string(data)
}

func TestAnObjectThatIsNotUnderstoodIsLeftAlone(t *testing.T) {
	good := written(t)
	for name, row := range map[string]struct{ data, want string }{
		"empty":             {"", "cut off or not JSON"},
		"truncated":         {good[:len(good)/2], "cut off or not JSON"},
		"not JSON":          {"lease: mine", "cut off or not JSON"},
		"an array":          {"[]", "cut off or not JSON"},
		"null":              {"null", "it names no version"},
		"no version":        {"{}", "it names no version"},
		"later version":     {`{"version":4,"locks":[]}`, "it is of version 4, this program knows version 3"},
		"earlier version":   {strings.Replace(good, `"version":3`, `"version":1`, 1), "it is of version 1, this program knows version 3"},
		"unknown field":     {strings.Replace(good, `"lease"`, `"laese"`, 1), `unknown field "laese"`},
		"two documents":     {good + good, "cut off or not JSON"},
		"other environment": {strings.Replace(good, `"environment":"dev"`, `"environment":"prod"`, 1), `it is of environment "prod", not "dev"`},
		"other service":     {strings.Replace(good, `"service":"app"`, `"service":"orders"`, 1), `it is of service "orders", not "app"`},
		"a marker":          {`{"version":3,"write":"a","service":"app","environment":"dev","moved":"orders/dev"}`, `it is of version 3 and was moved to "orders/dev"`},
		"no write":          {strings.Replace(good, `"write":"`, `"write":"","x":"`, 1), "unknown field"},
		"endless lease":     {strings.Replace(good, `"seconds":60`, `"seconds":999999999`, 1), "want an ID and 1 to 3600 seconds"},
		"no lease time":     {strings.Replace(good, `"seconds":60`, `"seconds":-1`, 1), "want an ID and 1 to 3600 seconds"},
		"no run":            {strings.Replace(good, `"run":"run-1"`, `"run":""`, 1), `run ""`},
		"a path as run":     {strings.Replace(good, `"run":"run-1"`, `"run":"../../x"`, 1), `run "../../x"`},
		"unknown step":      {strings.Replace(good, `"step":"stop"`, `"step":"halt"`, 1), `entry 1: i-1: step "halt" is not known`},
		"unknown mark":      {strings.Replace(good, `"mark":"begun"`, `"mark":"bgun"`, 1), `mark "bgun" is not known`},
		"no instance":       {strings.Replace(good, `"instance":"i-1","step"`, `"instance":"","step"`, 1), "entry 1: it names no instance"},
		"impossible port":   {strings.Replace(good, `"port":8080`, `"port":0`, 1), "is none of the instance's"},
		"a negative time":   {strings.Replace(good, `"mark":"begun"`, `"mark":"begun","seconds":-1`, 1), "i-1: stop: -1 seconds are not 0 to 3600"},
		"another's target":  {strings.Replace(good, `"instance":"i-1","port"`, `"instance":"i-2","port"`, 1), "is none of the instance's"},
	} {
		t.Run(name, func(t *testing.T) {
			require.NotEqual(t, good, row.data, "the row changes nothing")
			synctest.Test(t, func(t *testing.T) {
				store := &ledgertest.Memory{}
				store.Overwrite("app/dev/current", []byte(row.data))
				book := open(t, store)
				_, acquired := book.Acquire(t.Context(), holder("run-2"))
				_, read := book.Current(t.Context())
				_, listed := book.History(t.Context(), 1)
				for _, err := range []error{acquired, read, listed, book.Unlock(t.Context(), "run-1")} {
					require.ErrorAs(t, err, new(*ledger.FormatError))
					require.ErrorContains(t, err, "read memory://app/dev/current: ")
					require.ErrorContains(t, err, row.want)
					require.ErrorContains(t, err, "it was left as it is")
					assert.NotContains(t, err.Error(), "\n")
				}
				assert.Zero(t, store.Puts())
				assert.Equal(t, row.data, string(store.Read("app/dev/current")))
			})
		})
	}
}

func TestAnObjectBrokenUnderARunStopsIt(t *testing.T) {
	for name, data := range map[string]string{"broken": "{", "emptied": `{"version":3,"write":"by hand","service":"app","environment":"dev"}`} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &ledgertest.Memory{}
				lease := acquire(t, store, "run-1")
				store.Overwrite("app/dev/current", []byte(data))
				require.ErrorIs(t, lease.Record(t.Context(), entry("i-1", rollout.StepStop, rollout.Begun)), ledger.ErrLost)
				assert.Equal(t, data, string(store.Read("app/dev/current")))
			})
		})
	}
}

func TestWhatIsWrittenIsPlain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var document map[string]any
		require.NoError(t, json.Unmarshal([]byte(written(t)), &document))
		assert.EqualValues(t, 3, document["version"])
		assert.Equal(t, "app", document["service"])
		lease := document["lease"].(map[string]any)
		for _, key := range []string{"id", "seconds", "run", "owner", "host", "process", "release", "began", "journal"} {
			assert.Contains(t, lease, key)
		}
	})
}
