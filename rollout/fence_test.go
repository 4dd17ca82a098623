package rollout

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// monotonic is a stopwatch that goes by the bubble's time alone, because the real machine may be slow.
func monotonic() func() time.Duration {
	began := time.Now()
	return func() time.Duration { return time.Since(began) }
}

// leftOut is the journal of a run that died after it took i-1 out of its target groups.
func leftOut(w *world) UnfinishedRun {
	targets := []Target{{groupA, "i-1", 8080}, {groupB, "i-1", 9090}}
	return UnfinishedRun{Run: "run-0", Release: w.config().Release, Entries: []Entry{
		{Instance: "i-1", Step: StepDeregister, Mark: Begun, Targets: targets, Old: oldDigest, New: newDigest, Seconds: 55},
	}}
}

func TestHealWaitsForTheLastActOfTheDeadRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		dead := leftOut(w)
		dead.ActsUntil = time.Now().Add(40 * time.Second)
		time.AfterFunc(39*time.Second, func() { _ = w.Deregister(context.Background(), dead.Entries[0].Targets) })
		c := w.config()
		var waits []string
		c.Observe = func(e Event) {
			if e.Instance == "" && e.Kind == StepMoved && len(waits) == 0 {
				assert.Empty(t, w.asked, "looked before the last act was over")
				waits = append(waits, e.Detail)
			}
		}
		result, err := w.do(func() (Result, error) { return Heal(t.Context(), c, dead) })
		require.NoError(t, err)
		assert.Equal(t, Healed, result.Outcome)
		assert.Equal(t, []string{"waiting 40s, because an act of run run-0 may still be sent"}, waits)
		w.requireServing("i-1", oldDigest)
	})
}

// A signal while Heal waits for the dead run's last act ends it with nothing touched, and the journal is kept.
func TestHealThatWaitsForActsEndsByASignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		dead := leftOut(w)
		dead.ActsUntil = time.Now().Add(40 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		c := w.config()
		began := time.Now()
		result, err := w.do(func() (Result, error) { return Heal(ctx, c, dead) })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, Orphaned, result.Outcome, "an instance may be out of service, so the journal has to be kept")
		assert.Equal(t, 10*time.Second, time.Since(began))
		assert.Empty(t, w.asked)
		assert.Empty(t, c.Journal.(*memoryJournal).Entries())
	})
}

func TestIntentsOfActsNameTheirDuration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		c := w.config()
		_, err := w.run(t.Context(), c)
		require.NoError(t, err)
		seconds := map[StepName]int{}
		for _, e := range c.Journal.(*memoryJournal).Entries() {
			if e.Mark != Begun {
				assert.Zero(t, e.Seconds, "%s %s", e.Step, e.Mark)
				continue
			}
			seconds[e.Step] = e.Seconds
		}
		assert.Equal(t, map[StepName]int{
			StepPrepare: 0, StepDeregister: 55, StepDrain: 55, StepStop: 55, StepStart: 55,
			StepProve: 0, StepRegister: 55, StepJoin: 0, StepSettle: 55,
		}, seconds)
	})
}

// clerk is a journal that notes when each intent was sent to it, and that can be slow or refuse entries.
type clerk struct {
	memoryJournal
	slow    func(Entry) time.Duration
	refuses func(Entry) error
	sent    map[string]time.Time // the latest intent of an instance
}

func (j *clerk) Record(ctx context.Context, e Entry) error {
	if e.intends() {
		j.sent[e.Instance] = time.Now()
	}
	if j.slow != nil {
		time.Sleep(j.slow(e))
	}
	if j.refuses != nil {
		if err := j.refuses(e); err != nil {
			return err
		}
	}
	return j.memoryJournal.Record(ctx, e)
}

// balancerAt calls before each change of a target group.
type balancerAt struct {
	*world
	changes func(ctx context.Context, verb string, targets []Target) error
}

func (b balancerAt) Register(ctx context.Context, targets []Target) error {
	if err := b.changes(ctx, "register", targets); err != nil {
		return err
	}
	return b.world.Register(ctx, targets)
}

func (b balancerAt) Deregister(ctx context.Context, targets []Target) error {
	if err := b.changes(ctx, "deregister", targets); err != nil {
		return err
	}
	return b.world.Deregister(ctx, targets)
}

// What is slow comes before the intent: a last measurement of the traffic that hangs for its whole time does not use up
// the time of the act.
func TestNothingSlowComesBetweenIntentAndAct(t *testing.T) {
	for _, quiet := range []time.Duration{15 * time.Second, 60 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 3)
			c := w.config()
			c.Policy.Drain.Quiet, c.Policy.Pause = quiet, 0
			j := &clerk{sent: map[string]time.Time{}}
			c.Journal = j
			c.Observe = func(e Event) {
				if e.Instance == "" && e.Kind == StepMoved { // the last look at capacity
					w.mu.Lock()
					defer w.mu.Unlock()
					for _, id := range w.order {
						w.faults["traffic/"+id] = fault{hangs: true}
					}
				}
			}
			changed := 0
			c.Balancer = balancerAt{w, func(_ context.Context, verb string, targets []Target) error {
				changed++
				assert.Less(t, time.Since(j.sent[targets[0].Instance]), time.Second, "%s of %s", verb, targets[0].Instance)
				return nil
			}}
			_, err := w.run(t.Context(), c)
			require.NoError(t, err)
			assert.Equal(t, 6, changed)
		})
	}
}

// A process that stood still between an intent and its act, as a laptop that sleeps does, sends nothing under the old
// intent. It goes on with another one if it still has the lease.
func TestActAfterAPause(t *testing.T) {
	for _, lost := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 2)
			c := w.config()
			slept := time.Duration(0)
			c.stopwatch = func() func() time.Duration {
				began, before := time.Now(), slept
				return func() time.Duration { return time.Since(began) + slept - before }
			}
			j := &clerk{sent: map[string]time.Time{}}
			j.refuses = func(Entry) error {
				if lost && slept > 0 {
					return ErrLost
				}
				return nil
			}
			c.Journal = j
			c.Balancer = balancerAt{w, func(ctx context.Context, _ string, _ []Target) error {
				if slept == 0 {
					slept = 10 * time.Minute // the monotonic clock stands still
				}
				return CheckAct(ctx)
			}}
			result, err := w.run(t.Context(), c)
			if !lost {
				require.NoError(t, err)
				assert.Equal(t, Deployed, result.Outcome)
				begun := 0
				for _, e := range j.Entries() {
					begun += btoi(e.Instance == "i-1" && e.Step == StepDeregister && e.Mark == Begun)
				}
				assert.Equal(t, 2, begun, "the act after the pause has an intent of its own")
				return
			}
			require.ErrorIs(t, err, ErrLost)
			assert.Equal(t, Orphaned, result.Outcome)
			for target, m := range w.targets {
				assert.Zero(t, m.draining, "%v was taken out after the lease was lost", target)
			}
		})
	}
}

// An intent that is confirmed late is written again before the act.
func TestIntentThatIsConfirmedLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		c := w.config()
		late := map[StepName]bool{}
		j := &clerk{sent: map[string]time.Time{}}
		j.slow = func(e Entry) time.Duration {
			if !e.intends() || late[e.Step] {
				return 0
			}
			late[e.Step] = true
			return 40 * time.Second
		}
		c.Journal = j
		changed := 0
		c.Balancer = balancerAt{w, func(_ context.Context, verb string, targets []Target) error {
			changed++
			assert.Less(t, time.Since(j.sent[targets[0].Instance]), ActTimeout-actMargin, "%s of %s", verb, targets[0].Instance)
			return nil
		}}
		result, err := w.run(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, Deployed, result.Outcome)
		assert.Equal(t, 4, changed)

		j.slow = func(e Entry) time.Duration { return time.Duration(btoi(e.intends())) * 40 * time.Second }
		c.Release = Release{Image: "repo/app@" + oldDigest, Tag: "v1"}
		changed = 0
		_, err = w.run(t.Context(), c)
		require.ErrorIs(t, err, errNoIntent)
		assert.Zero(t, changed, "a ledger that always answers late permits no act")
	})
}

// One refused write of a compensation, as with credentials that are just being renewed, does not leave an instance out.
func TestOneRefusedEntryOfACompensation(t *testing.T) {
	for _, mark := range []Mark{Undoing, Undone} {
		for _, step := range []StepName{StepStop, StepDrain, StepDeregister} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2)
				w.faults["start/i-1"] = fault{err: errFault, times: 1}
				c := w.config()
				refused := 0
				j := &clerk{sent: map[string]time.Time{}}
				j.refuses = func(e Entry) error {
					if e.Step != step || e.Mark != mark || refused > 0 {
						return nil
					}
					refused++
					return errFault
				}
				c.Journal = j
				result, err := w.run(t.Context(), c)
				require.Error(t, err)
				assert.Equal(t, 1, refused)
				assert.Equal(t, Restored, result.Instances[0].Outcome, "%s %s: %s", step, mark, result.Instances[0].Error)
				w.requireServing("i-1", oldDigest)
				assert.Empty(t, unrecovered(j.Entries()))
			})
		}
	}
}

// longRevert is a host on which putting the old container back takes several parts, and minutes.
type longRevert struct {
	*fakeHost
	parts func(ctx context.Context)
}

func (h longRevert) Revert(ctx context.Context) error {
	for range 5 {
		part, err := BeginPart(ctx)
		if err != nil {
			return err
		}
		h.parts(part)
		time.Sleep(40 * time.Second)
	}
	part, err := BeginPart(ctx)
	if err == nil {
		err = h.fakeHost.Revert(part)
	}
	time.Sleep(time.Minute) // the proof changes nothing
	return err
}

// Each part of a compensation that takes minutes has an intent with time left when it begins.
func TestPartsOfALongCompensation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		w.faults["start/i-1"] = fault{err: errFault, times: 1}
		c := w.config()
		c.Policy.Prove = 5 * time.Minute
		j := &clerk{sent: map[string]time.Time{}}
		c.Journal = j
		parts := 0
		c.Connect = func(_ context.Context, i Instance) (Host, error) {
			return longRevert{&fakeHost{w, w.machines[i.ID]}, func(ctx context.Context) {
				parts++
				assert.NoError(t, CheckAct(ctx))
				assert.LessOrEqual(t, time.Since(j.sent[i.ID]), ActTimeout-actMargin)
			}}, nil
		}
		result, err := w.run(t.Context(), c)
		require.ErrorIs(t, err, errFault)
		assert.Equal(t, 5, parts)
		assert.Equal(t, Restored, result.Instances[0].Outcome, result.Instances[0].Error)
		w.requireServing("i-1", oldDigest)
	})
}

func TestActsHaveAFence(t *testing.T) {
	assert.NoError(t, CheckAct(t.Context()), "a context that belongs to no act")
	ctx, err := BeginPart(t.Context())
	require.NoError(t, err)
	assert.Equal(t, t.Context(), ctx)
}

// The stopwatch goes by whichever clock has gone furthest, because any of them can stand still or be set back.
func TestStopwatchGoesByTheFastestClock(t *testing.T) {
	wall, boot := time.Now().Round(0), time.Hour
	elapsed := stopwatchOf(func() time.Time { return wall }, func() time.Duration { return boot })
	assert.Zero(t, elapsed())
	boot += time.Minute // the machine slept
	assert.Equal(t, time.Minute, elapsed())
	wall = wall.Add(time.Hour)
	assert.Equal(t, time.Hour, elapsed())
	wall = wall.Add(-2 * time.Hour) // it was set back
	assert.Equal(t, time.Minute, elapsed())

	real := newStopwatch()
	assert.GreaterOrEqual(t, real(), time.Duration(0))
	if runtime.GOOS == "linux" {
		assert.Positive(t, sinceBoot())
	}
}

// A request that was sent in time can be applied late. Recovery looks on for a minute after the last moment at which it
// can have been sent, and for no longer.
func TestHealLooksOnAfterTheLastAct(t *testing.T) {
	for name, c := range map[string]struct {
		ended time.Duration // the time since the dead run could send its last act
		lands time.Duration // after the begin of the recovery
		found bool
	}{
		"within the minute":        {30 * time.Second, 25 * time.Second, true},
		"long before the recovery": {10 * time.Minute, time.Hour, false},
		"after the wait for it":    {-20 * time.Second, 75 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2)
				dead := leftOut(w)
				for _, m := range w.targets { // Deregister was never applied before the recovery
					m.since = time.Now().Add(-time.Hour)
				}
				dead.ActsUntil = time.Now().Add(-c.ended)
				landing := time.AfterFunc(c.lands, func() { _ = w.Deregister(context.Background(), dead.Entries[0].Targets) })
				defer landing.Stop()
				config := w.config()
				began := time.Now()
				result, err := w.do(func() (Result, error) { return Heal(t.Context(), config, dead) })
				require.NoError(t, err)
				w.requireServing("i-1", oldDigest)
				remarked := strings.Contains(strings.Join(result.Remarks, "\n"), "i-1: found out of its target groups after it was put back: registered again")
				assert.Equal(t, c.found, remarked, result.Remarks)
				entries := config.Journal.(*memoryJournal).Entries()
				closed := entries[len(entries)-1].Time.Sub(began)
				if c.found {
					assert.Greater(t, closed, doubtTime-c.ended, "did not look on until the minute was over")
				} else {
					assert.Less(t, closed, doubtTime/2, "waited for what was over")
				}
				dead.Entries = append(dead.Entries, entries...)
				assert.Empty(t, unrecovered(dead.Entries))
			})
		})
	}
}

// What is applied later than anybody waits for is found by the last look of the recovery, and named.
func TestHealNamesWhatCameVeryLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		dead := leftOut(w)
		require.NoError(t, w.Deregister(t.Context(), dead.Entries[0].Targets))
		dead.ActsUntil = time.Now().Add(-time.Minute)
		time.AfterFunc(110*time.Second, func() { _ = w.Deregister(context.Background(), dead.Entries[0].Targets) })
		result, err := w.do(func() (Result, error) { return Heal(t.Context(), w.config(), dead) })
		require.ErrorContains(t, err, "i-1: ")
		assert.Equal(t, Orphaned, result.Outcome)
		assert.Contains(t, result.Instances[0].Error, "out of its target groups")
	})
}
