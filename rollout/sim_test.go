package rollout

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// play tells the story: one command after another, then one in calm that heals
// what is left.
func (w *sim) play() {
	var rivals []*process
	for n, c := range w.commands {
		p := w.process(fmt.Sprintf("p%d", n), c)
		if rival := w.command(p); rival != nil {
			rivals = append(rivals, rival)
		}
		rivals = append(rivals, p)
	}
	w.mu.Lock()
	w.calm = true
	w.mu.Unlock()
	last := w.process("last", command{ends: lives, release: 1})
	w.take(last)
	go last.main(false)
	<-last.done
	close(w.over)
	for _, p := range append(rivals, last) {
		<-p.done
	}
	time.Sleep(10 * time.Minute)
	w.ending()
}

func (w *sim) take(p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ledger.holder = p
}

// leaseEnds is how long after its last write a lease can be taken over.
const leaseEnds = 61 * time.Second

// command lets one process take the lease and work, until it is over or the
// next one may begin.
func (w *sim) command(p *process) (rival *process) {
	w.take(p)
	c := p.command
	switch c.ends {
	case cancelled:
		defer time.AfterFunc(c.at, p.breakOff).Stop()
	case fenced:
		defer time.AfterFunc(c.at, p.lose).Stop()
	}
	go p.main(true)
	if c.rival > 0 {
		rival = w.process(p.name+"-rival", command{ends: lives, release: c.release, at: c.rival})
		go rival.compete()
	}
	select {
	case <-p.done:
	case <-p.gone:
		time.Sleep(leaseEnds)
	case <-p.killed:
	}
	time.Sleep(c.handover)
	return rival
}

// replay tells the story of a seed in a bubble of its own.
func replay(t *testing.T, seed uint64, m *mutant, trace func(string)) (w *sim) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			panic(fmt.Sprintf("seed %d: %v", seed, r))
		}
	}()
	synctest.Test(t, func(*testing.T) {
		w = newSim(tell(seed))
		w.mutant, w.trace = m, trace
		defer time.AfterFunc(tooLong, func() { panic(fmt.Sprintf("seed %d: the story does not end", seed)) }).Stop()
		w.play()
	})
	return w
}

// TestSim tells SIM_SEEDS stories; with SIM_SEED that one, at length.
func TestSim(t *testing.T) {
	mutant := mutantOf(t, os.Getenv("SIM_MUTATE"))
	if seed, err := strconv.ParseUint(os.Getenv("SIM_SEED"), 10, 64); err == nil {
		w := replay(t, seed, mutant, func(line string) { t.Log(line) })
		require.Empty(t, w.wrongs)
		return
	}
	seeds := simSeeds
	if n, err := strconv.Atoi(os.Getenv("SIM_SEEDS")); err == nil {
		seeds = n
	}
	report := newSimReport(seeds)
	began := time.Now()
	report.tell(t, mutant, func(w *sim) { report.add(t, w) })
	report.Took = time.Since(began).Seconds()
	report.write(t, os.Getenv("SIM_REPORT"))
}

// simReport is what mage test:sim writes.
type simReport struct {
	mu      sync.Mutex
	Seeds   int      `json:"seeds"`
	Took    float64  `json:"seconds"`
	Virtual float64  `json:"simulated_hours"`
	Counts  tally    `json:"counts"`
	Failed  []uint64 `json:"failed_seeds"`
	stop    atomic.Bool
}

func newSimReport(seeds int) *simReport {
	return &simReport{Seeds: seeds, Counts: tally{}, Failed: []uint64{}}
}

// tell tells the stories on all cores until one asks to stop.
func (r *simReport) tell(t *testing.T, m *mutant, each func(*sim)) {
	var next atomic.Uint64
	t.Run("stories", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for seed := next.Add(1); seed <= uint64(r.Seeds) && !r.stop.Load(); seed = next.Add(1) {
					each(replay(t, seed, m, nil))
				}
			})
		}
	})
}

func (r *simReport) add(t *testing.T, w *sim) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w.tally["stories"]++
	r.Counts.add(w.tally)
	r.Virtual += w.took.Hours()
	if len(w.wrongs) == 0 {
		return
	}
	r.Failed = append(r.Failed, w.seed)
	t.Errorf("seed %d: %s\nSIM_SEED=%d go test -run 'TestSim$' -v ./rollout tells it", w.seed, w.wrongs[0], w.seed)
	if len(r.Failed) >= 20 {
		r.stop.Store(true)
	}
}

func (r *simReport) write(t *testing.T, file string) {
	if file == "" {
		return
	}
	content, err := json.MarshalIndent(r, "", "  ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, append(content, '\n'), 0o644))
}
