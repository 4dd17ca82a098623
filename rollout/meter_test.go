package rollout

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// slowHost takes its time to prepare, and counts calls that overlap although they may not.
type slowHost struct {
	*fakeHost
	pull     time.Duration
	inUse    atomic.Int32
	overlaps atomic.Int32
}

func (h *slowHost) use() (done func()) {
	if h.inUse.Add(1) > 1 {
		h.overlaps.Add(1)
	}
	return func() { h.inUse.Add(-1) }
}

func (h *slowHost) Prepare(ctx context.Context, r Release, progress func(Progress)) error {
	if err := sleep(ctx, h.pull); err != nil {
		return err
	}
	return h.fakeHost.Prepare(ctx, r, progress)
}

func (h *slowHost) Traffic(ctx context.Context) (Traffic, error) {
	defer h.use()()
	time.Sleep(20 * time.Millisecond)
	return h.fakeHost.Traffic(ctx)
}

func (h *slowHost) Drain(ctx context.Context) error {
	defer h.use()()
	return h.fakeHost.Drain(ctx)
}

func (h *slowHost) Stop(ctx context.Context, r Release) error {
	defer h.use()()
	return h.fakeHost.Stop(ctx, r)
}

// slowly makes pulls of a world's hosts slow.
func (w *world) slowly(c *Config, pull time.Duration) map[string]*slowHost {
	hosts := map[string]*slowHost{}
	connect := c.Connect
	c.Connect = func(ctx context.Context, i Instance) (Host, error) {
		h, err := connect(ctx, i)
		if err != nil {
			return nil, err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		hosts[i.ID] = &slowHost{fakeHost: h.(*fakeHost), pull: pull}
		return hosts[i.ID], nil
	}
	return hosts
}

// The instances that leave next are watched: the first batch while the images are pulled, the others while the batch
// before them is out. Here the load balancer routes for much less than the policy assumes, so silence decides.
func TestWhatLeavesNextIsWatched(t *testing.T) {
	for name, c := range map[string]struct {
		pull time.Duration
		want []string
	}{
		"a long pull":  {70 * time.Second, []string{"quiet after", "quiet after", "quiet after"}},
		"a short pull": {50 * time.Second, []string{"routing lag over after", "quiet after", "quiet after"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 3)
				config := w.config()
				config.Policy.Drain.Lag = 200 * time.Second
				hosts := w.slowly(&config, c.pull)
				result, err := w.run(t.Context(), config)
				require.NoError(t, err)
				for i, want := range c.want {
					assert.Contains(t, detail(result, i, StepDrain), want, "%s", detail(result, i, StepDeregister))
				}
				assert.Zero(t, w.failed)
				for id, h := range hosts {
					assert.Zero(t, h.overlaps.Load(), "%s was sampled while its row used it", id)
				}
			})
		})
	}
}

// A fleet that goes back is watched in the same way.
func TestWhatGoesBackNextIsWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		c := w.config()
		c.Policy.Drain.Lag, c.Policy.Rollback = 200*time.Second, true
		c.Policy.Bake, c.Guards = time.Second, []Gate{&guard{3}}
		result, _ := w.run(t.Context(), c)
		require.Equal(t, RolledBack, result.Outcome)
		quiet := 0
		for _, i := range result.Instances {
			drained := slices.IndexFunc(i.Steps, func(s StepResult) bool { return s.Name == StepDrain })
			back := i.Steps[drained+1:]
			drained = slices.IndexFunc(back, func(s StepResult) bool { return s.Name == StepDrain })
			require.GreaterOrEqual(t, drained, 0, i.ID)
			quiet += btoi(strings.Contains(back[drained].Detail, "quiet after"))
		}
		assert.Equal(t, 3, quiet, "all but the first")
	})
}

// counting is a service whose count a test sets.
type counting struct {
	Service
	traffic func(at time.Duration) (Traffic, error)
	began   time.Time
}

func (c counting) Traffic(context.Context) (Traffic, error) { return c.traffic(time.Since(c.began)) }

// One connection proves that a client arrived, by the service's own count alone.
func TestArrival(t *testing.T) {
	const routed = 70 * time.Second
	clients := func(source Source, perSecond, checks float64) func(time.Duration) (Traffic, error) {
		return func(at time.Duration) (Traffic, error) {
			opened := 1000 + checks*at.Seconds() + perSecond*max(0, at-routed).Seconds()
			return Traffic{Opened: uint64(opened), Source: source}, nil
		}
	}
	for name, c := range map[string]struct {
		traffic func(time.Duration) (Traffic, error)
		want    time.Duration // zero: never
	}{
		"by the service's count, at once":  {clients(ServiceCount, 50, 0), routed + 500*time.Millisecond},
		"by the service's count, seldom":   {clients(ServiceCount, 0.1, 0), routed + 11*time.Second},
		"by the kernel's count":            {clients(KernelCount, 50, 0.3), 0},
		"late connections for the old one": {clients(ServiceCount, 0, 0), 0},
		"it cannot be read":                {func(time.Duration) (Traffic, error) { return Traffic{}, errFault }, 0},
		"it cannot be counted":             {func(time.Duration) (Traffic, error) { return Traffic{}, nil }, 0},
		"it cannot be read at the start": {func(at time.Duration) (Traffic, error) {
			if at < 40*time.Second {
				return Traffic{}, errFault
			}
			return clients(ServiceCount, 50, 0)(at)
		}, routed + 500*time.Millisecond},
		"the container starts anew": {func(at time.Duration) (Traffic, error) {
			t, err := clients(ServiceCount, 50, 0)(at)
			if at > 30*time.Second {
				t.Opened -= 1000
			}
			return t, err
		}, routed + 500*time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				m := trafficMeter{service: counting{traffic: c.traffic, began: began}, evidence: evidence{policy: DefaultPolicy().Drain, busy: 40}}
				arrived, err := m.awaitArrival(t.Context(), 2*time.Minute)
				require.NoError(t, err)
				assert.Equal(t, c.want > 0, arrived)
				if arrived {
					assert.InDelta(t, c.want.Seconds(), time.Since(began).Seconds(), 1.5)
				}
			})
		})
	}
}
