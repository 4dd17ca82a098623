package rollout

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// simReport is what mage test:sim writes: raw counts of what the stories were
// made of, and those that went wrong.
type simReport struct {
	Seeds   int     `json:"seeds"`
	Took    float64 `json:"seconds"`
	Cores   int     `json:"cores"`
	Virtual float64 `json:"simulated_hours"`
	Counts  tally   `json:"counts"`
	Failed  []wrong `json:"failed"`

	enough int // how many stories go wrong before no more are told
	mu     sync.Mutex
	stop   atomic.Bool
}

// wrong is a story that broke a promise.
type wrong struct {
	Seed    uint64 `json:"seed"`
	Why     string `json:"why"`
	Command string `json:"command"`
}

func newSimReport(seeds int) *simReport {
	return &simReport{Seeds: seeds, Cores: runtime.GOMAXPROCS(0), Counts: tally{}, Failed: []wrong{}, enough: numberIn("SIM_ENOUGH", 20)}
}

// tell tells the stories on all cores until enough went wrong.
func (r *simReport) tell(t *testing.T, m *mutant) {
	var next atomic.Uint64
	t.Run("stories", func(t *testing.T) {
		for range r.Cores {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for seed := next.Add(1); seed <= uint64(r.Seeds) && !r.stop.Load(); seed = next.Add(1) {
					r.add(t, replay(t, seed, m, nil))
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
	f := wrong{Seed: w.seed, Why: w.wrongs[0], Command: fmt.Sprintf("go tool mage test:sim -seed=%d", w.seed)}
	if w.mutant != nil {
		f.Command += " -mutate=" + w.mutant.name
	}
	r.Failed = append(r.Failed, f)
	t.Errorf("seed %d: %s\n%s tells it", f.Seed, f.Why, f.Command)
	if len(r.Failed) >= r.enough {
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

// tally counts what a story was made of. "checks: floor" is the floor among the checks.
type tally map[string]int

func (t tally) add(other tally) {
	for name, n := range other {
		t[name] += n
	}
}

// MarshalJSON writes what has a kind under it.
func (t tally) MarshalJSON() ([]byte, error) {
	counts := map[string]any{}
	for name, n := range t {
		kind, of, grouped := strings.Cut(name, ": ")
		if !grouped {
			counts[name] = n
			continue
		}
		group, _ := counts[kind].(map[string]int)
		if group == nil {
			group = map[string]int{}
			counts[kind] = group
		}
		group[of] = n
	}
	return json.Marshal(counts)
}
