package nlb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// calls records the calls of a batcher. Each takes a second, or an hour for the instance in hangs.
type calls struct {
	mu      sync.Mutex
	made    [][]string // the instances of each
	ended   int        // the number of calls that ended with their context
	refused string     // an instance that the API refuses
	hangs   string     // an instance whose call gets no response
}

func (c *calls) call(ctx context.Context, targets []rollout.Target) error {
	var names []string
	for _, t := range targets {
		names = append(names, t.Instance)
	}
	c.mu.Lock()
	c.made = append(c.made, names)
	c.mu.Unlock()
	wait := time.Second
	if slices.Contains(names, c.hangs) {
		wait = time.Hour
	}
	select {
	case <-ctx.Done():
		c.mu.Lock()
		c.ended++
		c.mu.Unlock()
		return ctx.Err()
	case <-time.After(wait):
	}
	if slices.Contains(names, c.refused) {
		return fmt.Errorf("call: %w", &types.InvalidTargetException{})
	}
	return nil
}

// doAll makes one request per instance, all at the same time, each with a timeout of a minute.
func doAll(t *testing.T, b *batcher, instances ...string) map[string]error {
	var mu sync.Mutex
	errs := map[string]error{}
	var wg sync.WaitGroup
	for _, id := range instances {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			err := b.do(ctx, []rollout.Target{target(groupA, id, 8080)})
			mu.Lock()
			defer mu.Unlock()
			errs[id] = err
		})
	}
	wg.Wait()
	return errs
}

func names(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("i-%d", i))
	}
	return names
}

func TestChangesAtTheSameTimeShareCalls(t *testing.T) {
	for _, n := range []int{1, 2, 50, 5 * targetsPerCall} {
		synctest.Test(t, func(t *testing.T) {
			c := &calls{}
			began := time.Now()
			for id, err := range doAll(t, &batcher{call: c.call}, names(n)...) {
				require.NoError(t, err, id)
			}
			assert.ElementsMatch(t, names(n), slices.Concat(c.made...), "each once")
			assert.LessOrEqual(t, len(c.made), callsPerGroup+(n+targetsPerCall-1)/targetsPerCall)
			assert.LessOrEqual(t, time.Since(began), 3*time.Second)
			for _, instances := range c.made {
				assert.LessOrEqual(t, len(instances), targetsPerCall)
			}
		})
	}
}

func TestOneTargetThatIsRefusedHarmsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &calls{refused: "i-30"}
		for id, err := range doAll(t, &batcher{call: c.call}, names(50)...) {
			var invalid *types.InvalidTargetException
			require.Equal(t, id == "i-30", errors.As(err, &invalid), "%s: %v", id, err)
		}
	})
}

func TestACallThatHangsHarmsOnlyThoseInIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &calls{hangs: "i-0"}
		b := &batcher{call: c.call}
		lost := make(chan map[string]error, 1)
		go func() { lost <- doAll(t, b, "i-0") }()
		synctest.Wait()
		for id, err := range doAll(t, b, names(50)[1:]...) {
			require.NoError(t, err, id)
		}
		require.ErrorIs(t, (<-lost)["i-0"], context.DeadlineExceeded)
		synctest.Wait()
		assert.Equal(t, 1, c.ended, "no request waits for it any more")
	})
}

// A request that was given up is not called for any more, and the others succeed.
func TestGivingUpAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &calls{}
		b := &batcher{call: c.call}
		ask := func(id string, patience time.Duration) <-chan error {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			answer := make(chan error, 1)
			go func() {
				defer cancel()
				answer <- b.do(ctx, []rollout.Target{target(groupA, id, 8080)})
			}()
			synctest.Wait()
			return answer
		}
		for i := range callsPerGroup {
			ask(fmt.Sprint("busy-", i), time.Minute)
		}
		early, late, patient := ask("early", time.Second/2), ask("late", 3*time.Second/2), ask("patient", time.Minute)
		require.ErrorIs(t, <-early, context.DeadlineExceeded)
		require.ErrorIs(t, <-late, context.DeadlineExceeded)
		require.NoError(t, <-patient)
		assert.Equal(t, [][]string{{"late", "patient"}, {"patient"}}, c.made[callsPerGroup:])
		assert.Equal(t, 1, c.ended)

		lonely := ask("lonely", time.Second/2)
		require.ErrorIs(t, <-lonely, context.DeadlineExceeded)
		synctest.Wait()
		assert.Equal(t, 2, c.ended)
		assert.Equal(t, []string{"lonely"}, c.made[len(c.made)-1], "once")
	})
}
