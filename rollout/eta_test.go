package rollout

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// said is a forecast and when it was told.
type said struct {
	at   time.Time
	left time.Duration
}

// forecasts collects what a run says of its end.
func forecasts(c *Config) *[]said {
	all := new([]said)
	c.Observe = func(e Event) {
		if e.Kind == Forecast {
			*all = append(*all, said{e.Time, e.Left})
		}
	}
	return all
}

// A run says when it will be over, seldom, and as soon as it has seen a batch it is right.
func TestForecastIsKeptHonest(t *testing.T) {
	for name, change := range map[string]func(*world, *Config){
		"one by one":      func(*world, *Config) {},
		"two by two":      func(_ *world, c *Config) { c.Policy.Batch = Size{Count: 2} },
		"with bakes":      func(_ *world, c *Config) { c.Policy.Canary, c.Policy.Bake = 1, 10*time.Minute },
		"hardly a client": func(w *world, _ *Config) { w.clients = 0.1 },
		"fixed drain":     func(_ *world, c *Config) { c.Policy.Drain.Fixed = true },
		"clients that stay to the end": func(w *world, _ *Config) {
			for _, m := range w.machines {
				m.open = 1
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 8)
				c := w.config()
				change(w, &c)
				plan, err := MakePlan(t.Context(), c)
				require.NoError(t, err)
				told := forecasts(&c)
				result, err := w.run(t.Context(), c)
				require.NoError(t, err)
				took := result.Finished.Sub(result.Started)
				assert.InEpsilon(t, took, plan.ETA, 0.6, "the plan's")
				assert.Less(t, len(*told), 12)
				for _, s := range *told {
					end := s.at.Add(s.left).Sub(result.Started)
					if s.at.Sub(result.Started) > took/3 {
						assert.InEpsilon(t, took, end, 0.05, "after %s", s.at.Sub(result.Started))
					}
				}
				last := (*told)[len(*told)-1]
				assert.WithinDuration(t, result.Finished, last.at.Add(last.left), took/18+2*c.Policy.Poll)
			})
		})
	}
}

// Who waits for a way back is not told of an end that was to come.
func TestForecastEndsWithARunThatDoesNotGoWell(t *testing.T) {
	t.Run("broken off", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 3)
			c := w.config()
			told := forecasts(&c)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(100*time.Second, cancel)
			result, _ := w.run(ctx, c)
			require.Equal(t, Interrupted, result.Outcome)
			last := (*told)[len(*told)-1]
			assert.Zero(t, last.left)
			assert.Equal(t, 100*time.Second, last.at.Sub(result.Started).Round(time.Second), "at once")
		})
	})
	t.Run("rolled back", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 4)
			c := w.config()
			c.Policy.Rollback, c.Guards = true, []Gate{&guard{1}}
			told := forecasts(&c)
			result, _ := w.run(t.Context(), c)
			require.Equal(t, RolledBack, result.Outcome)
			halted := slices.IndexFunc(*told, func(s said) bool { return s.left == 0 })
			require.Positive(t, halted)
			require.Len(t, (*told)[halted:], 2, "and how long the way back takes")
			back := (*told)[halted+1]
			assert.WithinDuration(t, result.Finished, back.at.Add(back.left), result.Finished.Sub(back.at)/10)
		})
	})
}

func TestNothingToDoIsNotForetold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		c := w.config()
		for _, m := range w.machines {
			m.running = newDigest
		}
		told := forecasts(&c)
		result, err := w.run(t.Context(), c)
		require.NoError(t, err)
		require.Equal(t, UnchangedRun, result.Outcome)
		assert.Empty(t, *told)
	})
}

// The last drain of a run takes longer than thought: nobody is told each second that it
// is about to end, nor that it is broken off.
func TestForecastThatIsOverdueIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		c := w.config()
		c.Instances = c.Instances[:1]
		w.machines["i-1"].open = 1
		told := forecasts(&c)
		_, err := w.run(t.Context(), c)
		require.NoError(t, err)
		assert.Less(t, len(*told), 6)
		for _, s := range *told {
			assert.Positive(t, s.left)
		}
	})
}

func TestRoughly(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 1234 * time.Millisecond: "1.23s", 41600 * time.Millisecond: "42s", 64 * time.Second: "1m",
		66 * time.Second: "1m10s", 12*time.Minute + 31*time.Second: "13m", time.Hour: "1h0m",
	} {
		assert.Equal(t, want, roughly(d))
	}
}
