package ledger_test

import (
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/ledger/ledgertest"
	"github.com/growl-dev/deploy/rollout"
)

// BenchmarkRecord lets instances record every row of the table at once, on a
// store that takes 5 ms to answer, and says how many writes an entry cost.
func BenchmarkRecord(b *testing.B) {
	for _, instances := range []int{1, 10, 50} {
		b.Run(fmt.Sprintf("instances=%d", instances), func(b *testing.B) {
			store := &ledgertest.Memory{Fault: always(ledgertest.Fault{Slow: 5 * time.Millisecond})}
			book, err := ledger.Open(store, "app/dev", ledger.Options{})
			require.NoError(b, err)
			lease, err := book.Acquire(b.Context(), holder("run-1"))
			require.NoError(b, err)
			before := store.Puts()
			for b.Loop() {
				var wg sync.WaitGroup
				for i := range instances {
					wg.Go(func() { walk(b, lease, fmt.Sprintf("i-%d", i)) })
				}
				wg.Wait()
			}
			entries := b.N * instances * 2 * len(rollout.Steps())
			b.ReportMetric(float64(store.Puts()-before)/float64(entries), "puts/entry")
			b.ReportMetric(float64(store.Puts()-before)/float64(b.N), "puts/run")
			require.NoError(b, lease.Release(b.Context()))
		})
	}
}

// BenchmarkFleet lets 1,000 instances record every row of the table, a number of them at a time, in the bubble's time, on
// a store that takes 5 ms to answer. Its figures are the CPU time of one instance and the bytes written for a run.
func BenchmarkFleet(b *testing.B) {
	const fleet = 1000
	for _, batch := range []int{100, fleet} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			store := &metered{Memory: ledgertest.Memory{Fault: always(ledgertest.Fault{Slow: 5 * time.Millisecond})}}
			book, err := ledger.Open(store, "app/dev", ledger.Options{})
			require.NoError(b, err)
			before := cpuTime(b)
			for b.Loop() {
				lease, err := book.Acquire(b.Context(), holder("run-1"))
				require.NoError(b, err)
				for first := 0; first < fleet; first += batch {
					var wg sync.WaitGroup
					for i := range batch {
						wg.Go(func() { walk(b, lease, fmt.Sprintf("i-%017d", first+i)) })
					}
					wg.Wait()
				}
				require.NoError(b, lease.Release(b.Context()))
			}
			b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/1000/float64(b.N)/fleet, "cpu-ms/instance")
			b.ReportMetric(float64(store.bytes.Load())/float64(b.N)/(1<<20), "MiB-written/run")
			b.ReportMetric(float64(store.Puts())/float64(b.N), "puts/run")
			b.ReportMetric(float64(store.largest.Load())/1024, "KiB-largest")
		})
	}
}

// cpuTime is the CPU time that this process took so far.
func cpuTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// walk records all that one instance's way through a run records.
func walk(b *testing.B, lease *ledger.Lease, instance string) {
	for _, step := range rollout.Steps() {
		for _, mark := range []rollout.Mark{rollout.Begun, rollout.Done} {
			if err := lease.Record(b.Context(), entry(instance, step, mark)); err != nil {
				b.Error(err)
			}
		}
	}
}
