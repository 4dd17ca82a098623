package rollout

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// slowBalancer returns the health of when its call began, ten seconds later.
type slowBalancer struct {
	Balancer
	mu    sync.Mutex
	state TargetState
}

func (b *slowBalancer) set(s TargetState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state = s
}

func (b *slowBalancer) Health(context.Context, ...Target) (Health, error) {
	b.mu.Lock()
	now := b.state
	b.mu.Unlock()
	time.Sleep(10 * time.Second) // in the bubble
	return Health{{Target: Target{groupA, "i-1", 8080}, State: now}}, nil
}

// TestNoLookIsOlderThanTheWaitForIt: a result of a call that began before an act is not shared with those that wait after
// the act, whether that call is under way or has just returned.
func TestNoLookIsOlderThanTheWaitForIt(t *testing.T) {
	for _, after := range []time.Duration{5 * time.Second, 9 * time.Second, 11 * time.Second, 14 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			b := &slowBalancer{state: TargetHealthy}
			p := newHealthPoller(b, 10*time.Second, func(time.Duration) time.Duration { return 0 })
			defer p.end()
			before := make(chan Health)
			go func() { h, _ := p.all(t.Context()); before <- h }()
			time.Sleep(after)
			b.set(TargetDraining)
			h, err := p.allSoon(t.Context())
			require.NoError(t, err)
			assert.Equal(t, TargetDraining, h[0].State)
			<-before
		})
	}
}

// lateHealth is a load balancer whose health is old when it returns.
type lateHealth struct {
	*world
	age time.Duration
}

func (l lateHealth) Health(ctx context.Context, of ...Target) (Health, error) {
	health, err := l.world.Health(ctx, of...)
	time.Sleep(l.age) // in the bubble
	return health, err
}

// TestTheLastLookIsAfterTheLastRegistration: a deregistration that a call gave up on is applied just before the time is
// over in which that can happen, so that one look both finds the instance missing and ends the doubt.
func TestTheLastLookIsAfterTheLastRegistration(t *testing.T) {
	for age := time.Second; age < 10*time.Second; age += time.Second {
		late := doubtTime - age/2
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 3)
			w.faults["deregister/i-3"] = fault{err: errFault, late: late, times: 1}
			c := w.config()
			c.Balancer = lateHealth{w, age}
			c.jitter = func(most time.Duration) time.Duration { return most / 2 }
			result, err := w.run(t.Context(), c)
			require.Error(t, err)
			assert.Equal(t, Mixed, result.Outcome)
			w.requireServing("i-3", oldDigest)
			assert.Empty(t, result.Instances[2].NotHealthy, "health is %s old", age)
			assert.False(t, result.InDoubt)
		})
	}
}
