package rollout

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRunDeploysTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		result, err := w.run(t.Context(), w.config())
		require.NoError(t, err)
		assert.Equal(t, Deployed, result.Outcome)
		assert.Zero(t, w.failed, "failed connections")
		for n, i := range result.Instances {
			assert.Equal(t, Updated, i.Outcome)
			assert.Equal(t, newDigest, i.Release)
			assert.Len(t, i.Steps, len(table))
			assert.Equal(t, 1, w.machines[i.ID].settled)
			assert.Equal(t, "removed images: web@sha256:0123", detail(result, n, StepSettle))
			w.requireServing(i.ID, newDigest)
		}
	})
}

// What the documented process costs, and what proves that the world of these
// tests notices: connections arrive after a fixed drain, and fail.
func TestFixedDrainFailsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		c := w.config()
		c.Policy.Drain.Fixed = true
		result, err := w.run(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, Deployed, result.Outcome)
		assert.Greater(t, w.failed, 20, "failed connections")
	})
}

// Every phase fails, on the first, the middle and the last instance. One bad
// instance is put back and the run moves on.
func TestRunRestoresOneFailedInstance(t *testing.T) {
	for _, port := range []string{"deregister", "stop", "start", "prove", "register"} {
		for _, id := range []string{"i-1", "i-2", "i-3"} {
			for name, f := range map[string]fault{
				"error":       {err: errFault, times: 1},
				"lost answer": {err: errFault, acts: true, times: 1},
				"hang":        {hangs: true, times: 1},
			} {
				t.Run(fmt.Sprintf("%s %s %s", port, id, name), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						w := newWorld(t, 3)
						w.faults[port+"/"+id] = f
						result, err := w.run(t.Context(), w.config())
						require.Error(t, err)
						assert.Equal(t, Mixed, result.Outcome)
						assert.Zero(t, w.failed, "failed connections")
						for _, i := range result.Instances {
							want, digest := Updated, newDigest
							if i.ID == id {
								want, digest = Restored, oldDigest
								assert.Contains(t, i.Error, port)
							}
							assert.Equal(t, want, i.Outcome, i.ID)
							assert.Equal(t, digest, i.Release, i.ID)
							w.requireServing(i.ID, digest)
						}
					})
				})
			}
		}
	}
}

// An instance that cannot be prepared is not touched; the others are updated.
func TestRunLeavesOutWhatCannotBePrepared(t *testing.T) {
	for _, port := range []string{"connect", "inspect", "prepare"} {
		for _, id := range []string{"i-1", "i-2", "i-3"} {
			t.Run(port+" "+id, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, 3)
					w.fail(port + "/" + id)
					result, err := w.run(t.Context(), w.config())
					require.ErrorIs(t, err, errFault)
					assert.Equal(t, Mixed, result.Outcome)
					assert.Equal(t, 4, result.Outcome.ExitCode())
					for _, i := range result.Instances {
						want, digest := Updated, newDigest
						if i.ID == id {
							want, digest = Pending, oldDigest
						}
						assert.Equal(t, want, i.Outcome, i.ID)
						w.requireServing(i.ID, digest)
					}
				})
			})
		}
	}
}

// What fails here costs nothing but a remark: the instance is in service.
func TestRunRemarksWhatIsNotFatal(t *testing.T) {
	for _, port := range []string{"drain/i-1", "settle/i-1", "traffic/i-1"} {
		t.Run(port, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2)
				w.fail(port)
				result, err := w.run(t.Context(), w.config())
				require.NoError(t, err)
				assert.Zero(t, w.failed)
				require.NotEmpty(t, result.Remarks)
				assert.Contains(t, result.Remarks[0], "injected")
				w.requireServing("i-1", newDigest)
			})
		})
	}
}

func TestRunWithAContainerThatTakesLongToStop(t *testing.T) {
	for name, c := range map[string]struct {
		grace   time.Duration
		outcome InstanceOutcome
		digest  string
	}{
		"within its grace":              {30 * time.Second, Updated, newDigest},
		"longer than the caller waited": {80 * time.Second, Restored, oldDigest},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 3)
				w.machines["i-2"].grace = c.grace
				result, _ := w.run(t.Context(), w.config())
				assert.Equal(t, []InstanceOutcome{Updated, c.outcome, Updated}, outcomes(result))
				assert.Zero(t, w.failed)
				w.requireServing("i-2", c.digest)
			})
		})
	}
}

func TestRunHaltsAtTheSecondFailedInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		for _, id := range w.order {
			w.faults["prove/"+id] = fault{err: errFault}
		}
		result, err := w.run(t.Context(), w.config())
		require.ErrorIs(t, err, errFault)
		assert.Equal(t, RolledBack, result.Outcome)
		assert.Equal(t, []InstanceOutcome{Restored, Restored, Pending}, outcomes(result))
		assert.Zero(t, w.failed)
		for _, id := range w.order {
			w.requireServing(id, oldDigest)
		}
	})
}

func TestRunPutsBackWhatTheBalancerNeverCallsHealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.machines["i-2"].healthOK = false
		result, err := w.run(t.Context(), w.config())
		require.ErrorContains(t, err, "not healthy after 5m0s: unhealthy (Target.FailedHealthChecks)")
		assert.Equal(t, []InstanceOutcome{Updated, Restored, Updated}, outcomes(result))
		assert.Zero(t, w.failed)
		w.requireServing("i-2", oldDigest)
	})
}

// A failing restore leaves the instance out: only a proven container is
// registered, and the run halts at once.
func TestRunHaltsWhenARestoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.faults["start/i-1"] = fault{err: errFault}
		w.faults["revert/i-1"] = fault{err: errFault}
		result, err := w.run(t.Context(), w.config())
		require.Error(t, err)
		assert.Equal(t, Orphaned, result.Outcome)
		assert.Equal(t, []InstanceOutcome{OutOfService, Pending, Pending}, outcomes(result))
		assert.NotZero(t, w.targets[Target{groupA, "i-1", 8080}].draining, "an unproven container was registered")
		w.requireServing("i-2", oldDigest)
		w.requireServing("i-3", oldDigest)
	})
}

// An instance that is cut off in the middle of its swap is put back when it can
// be reached again.
func TestRestoreIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.faults["start/i-1"] = fault{err: errFault}
		w.faults["revert/i-1"] = fault{err: errFault, times: 10}
		result, err := w.run(t.Context(), w.config())
		require.Error(t, err)
		assert.Equal(t, []InstanceOutcome{Restored, Updated, Updated}, outcomes(result))
		w.requireServing("i-1", oldDigest)
	})
}

func TestRunHaltsWhenARestoredInstanceIsNotHealthyAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.faults["start/i-1"] = fault{err: errFault}
		w.faults["register/i-1"] = fault{err: errFault} // for good
		result, err := w.run(t.Context(), w.config())
		require.Error(t, err)
		assert.Equal(t, Orphaned, result.Outcome)
		assert.Equal(t, []InstanceOutcome{OutOfService, Pending, Pending}, outcomes(result))
		assert.Equal(t, oldDigest, w.machines["i-1"].running)
	})
}

// A deregistration whose caller gave up is applied after the registration that
// was to undo it: waiting for health sees that and registers again.
func TestRestoreSurvivesALateDeregistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.faults["deregister/i-1"] = fault{hangs: true, late: 20 * time.Second, times: 1}
		result, err := w.run(t.Context(), w.config())
		require.Error(t, err)
		assert.Equal(t, []InstanceOutcome{Restored, Updated, Updated}, outcomes(result))
		assert.Zero(t, w.failed)
		w.requireServing("i-1", oldDigest)
	})
}

func TestRunLeavesWhatIsCurrentAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.machines["i-2"].running = newDigest
		result, err := w.run(t.Context(), w.config())
		require.NoError(t, err)
		assert.Equal(t, []InstanceOutcome{Updated, Unchanged, Updated}, outcomes(result))
		assert.Empty(t, result.Instances[1].Steps)

		again, err := w.run(t.Context(), w.config())
		require.NoError(t, err)
		assert.Equal(t, UnchangedRun, again.Outcome)
	})
}

// A connection lasts as long as something may be done to its instance.
func TestRunPartsWithWhatIsDone(t *testing.T) {
	for _, back := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 4)
			w.machines["i-4"].running = newDigest
			c := w.config()
			c.Policy.Rollback = back
			var seen []int
			c.Observe = func(e Event) {
				if e.Step != StepDeregister || e.Kind != StepBegun {
					return
				}
				w.mu.Lock()
				defer w.mu.Unlock()
				open := 0
				for _, n := range w.links {
					open += n
				}
				seen = append(seen, open)
			}
			_, err := w.run(t.Context(), c)
			require.NoError(t, err)
			if back {
				assert.Equal(t, []int{3, 3, 3}, seen)
			} else {
				assert.Equal(t, []int{3, 2, 1}, seen)
			}
			for id, n := range w.links {
				assert.Zero(t, n, id)
			}
		})
	}
}

// The run is broken off in every step: what is in flight is in service at the
// end, and nothing new begins.
func TestRunBrokenOff(t *testing.T) {
	for _, at := range Steps() {
		t.Run(string(at), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 3)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				c := w.config()
				var broken time.Time
				c.Observe = func(e Event) {
					if e.Step == at && e.Kind == StepBegun && broken.IsZero() {
						broken = time.Now()
						cancel()
					}
				}
				result, err := w.run(ctx, c)
				require.ErrorIs(t, err, context.Canceled)
				assert.Equal(t, Interrupted, result.Outcome)
				assert.Less(t, time.Since(broken), 3*time.Second, "put back at once")
				assert.Zero(t, w.failed)
				digest := oldDigest
				if at == StepRegister || at == StepJoin || at == StepSettle {
					digest = newDigest
				}
				w.requireServing("i-1", digest)
				w.requireServing("i-2", oldDigest)
				w.requireServing("i-3", oldDigest)
			})
		})
	}
}

func TestRunBrokenOffWhileRestoring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.faults["start/i-1"] = fault{err: errFault}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c := w.config()
		c.Observe = func(e Event) {
			if e.Step == StepDeregister && e.Kind == UndoBegun {
				cancel()
			}
		}
		result, err := w.run(ctx, c)
		require.Error(t, err)
		assert.Equal(t, Interrupted, result.Outcome)
		w.requireServing("i-1", oldDigest)
	})
}

func TestRunRefusesBeforeTouchingAnything(t *testing.T) {
	for name, breakIt := range map[string]func(*world, *Config){
		"a gate":              func(_ *world, c *Config) { c.Gates = []Gate{gate{errFault}} },
		"two failed pulls":    func(w *world, _ *Config) { w.fail("prepare/i-1", "prepare/i-3") },
		"all unreachable":     func(w *world, _ *Config) { w.fail("connect/i-1", "connect/i-2", "connect/i-3") },
		"health unreadable":   func(w *world, _ *Config) { w.fail("health") },
		"timing unreadable":   func(w *world, _ *Config) { w.fail("timing") },
		"an unpinned release": func(_ *world, c *Config) { c.Release.Image = "repo/app:latest" },
		"a foolish policy":    func(_ *world, c *Config) { c.Policy.Parallel = 0 },
		"an instance twice":   func(_ *world, c *Config) { c.Instances = append(c.Instances, c.Instances[0]) },
		"no instances":        func(_ *world, c *Config) { c.Instances = nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 3)
				c := w.config()
				breakIt(w, &c)
				result, err := w.run(t.Context(), c)
				require.Error(t, err)
				assert.Equal(t, Refused, result.Outcome)
				assert.Equal(t, 1, result.Outcome.ExitCode())
				for _, id := range w.order {
					w.requireServing(id, oldDigest)
				}
			})
		})
	}
}

// A gate that refuses does not wait for pulls that nobody needs any more.
func TestAGateThatRefusesEndsThePulls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.faults["prepare/i-2"] = fault{hangs: true}
		c := w.config()
		c.Gates = []Gate{gate{errFault}}
		began := time.Now()
		result, err := w.run(t.Context(), c)
		require.ErrorIs(t, err, errFault)
		assert.Equal(t, Refused, result.Outcome)
		assert.Less(t, time.Since(began), time.Minute)
	})
}

func TestRunRefusesAFleetOfOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		result, err := w.run(t.Context(), w.config())
		require.ErrorContains(t, err, "-allowDowntime (policy downtime=true)")
		assert.Equal(t, Refused, result.Outcome)

		c := w.config()
		c.Policy.Downtime = true
		result, err = w.run(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, Deployed, result.Outcome)
	})
}

// An address that another machine answers at is left alone; the rest goes on.
func TestRunLeavesTheWrongMachineAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		c := w.config()
		connect := c.Connect
		c.Connect = func(ctx context.Context, i Instance) (Host, error) {
			if i.ID == "i-1" {
				i.ID = "i-3"
			}
			return connect(ctx, i)
		}
		result, err := w.run(t.Context(), c)
		require.ErrorContains(t, err, "says it is i-3")
		assert.Equal(t, []InstanceOutcome{Pending, Updated, Updated}, outcomes(result))
		assert.Equal(t, Mixed, result.Outcome)
		w.requireServing("i-1", oldDigest)
	})
}

// TestRunRegistersAnInstanceThatIsInNoGroup if it is to.
func TestRunRegistersAnInstanceThatIsInNoGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		delete(w.targets, Target{groupA, "i-3", 8080})
		delete(w.targets, Target{groupB, "i-3", 9090})
		c := w.config()
		c.Register = true
		result, err := w.run(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, Deployed, result.Outcome)
		assert.Zero(t, w.failed)
		w.requireServing("i-3", newDigest)
	})
}

func TestCapacityIsReservedForTheWholeBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		c := w.config()
		c.Policy.Batch = Size{Percent: 40}
		fewest := 5
		c.Observe = func(Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			n := 0
			for _, id := range w.order {
				if w.state(Target{groupA, id, 8080}, w.targets[Target{groupA, id, 8080}]).State == TargetHealthy {
					n++
				}
			}
			fewest = min(fewest, n)
		}
		_, err := w.run(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, 3, fewest, "healthy targets")
		assert.Zero(t, w.failed)
	})
}

// TestHealthyIsNotYetCapacity: the load balancer calls an instance healthy 40 s
// before it routes to it. Where too few clients come to see that, the next instance
// leaves after the routing lag, also behind one that was put back.
func TestHealthyIsNotYetCapacity(t *testing.T) {
	for name, c := range map[string]struct {
		clients float64
		source  Source
		fails   bool
		alone   bool // in one target group
	}{
		"clients by the second":     {clients: 60, source: ServiceCount, alone: true},
		"in two groups":             {clients: 60, source: ServiceCount},
		"by the kernel's count":     {clients: 60, source: KernelCount, alone: true},
		"hardly any":                {clients: 0.5, source: ServiceCount},
		"none":                      {source: ServiceCount},
		"nobody counts":             {clients: 60, source: Uncounted},
		"the first one is restored": {clients: 60, source: ServiceCount, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2)
				w.clients = c.clients
				for _, m := range w.machines {
					m.source = c.source
				}
				most := 125 * time.Second
				if c.alone {
					w.leaveGroupB()
				}
				if c.alone && c.source == ServiceCount {
					most = 110 * time.Second
				}
				if c.fails {
					w.faults["prove/i-1"] = fault{err: errFault}
				}
				config := w.config()
				// The shortest drain, for the load balancer to forget the second before
				// it routes to the first.
				config.Policy.Drain.Min, config.Policy.Pause = time.Second, 0
				joined := map[string]time.Time{}
				config.Observe = func(e Event) {
					if e.Step == StepRegister && e.Kind == StepDone || e.Step == StepDeregister && e.Kind == UndoBegun {
						joined[e.Instance] = e.Time
					}
					if e.Step == StepDeregister && e.Kind == StepBegun && e.Instance == "i-2" {
						assert.GreaterOrEqual(t, time.Since(joined["i-1"]), registrationLag)
						assert.Less(t, time.Since(joined["i-1"]), most)
					}
				}
				result, _ := w.run(t.Context(), config)
				assert.Equal(t, Updated, outcomes(result)[1])
				assert.Zero(t, w.failed)
				assert.Zero(t, w.unmet)
			})
		})
	}
}

// The second instance is busy while it is watched, and is not any more when it leaves, so that silence proves nothing.
func TestClientsThatCameSeldomInTheEndProveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		c := w.config()
		c.Observe = func(e Event) {
			if e.Instance == "i-1" && e.Kind == InstanceEnded {
				w.mu.Lock()
				w.clients = 0.1
				w.mu.Unlock()
			}
		}
		result, err := w.run(t.Context(), c)
		require.NoError(t, err)
		assert.Contains(t, detail(result, 1, StepDeregister), "left 2 target groups, clients in ")
		assert.Contains(t, detail(result, 1, StepDrain), "routing lag over after")
		assert.Zero(t, w.failed)
	})
}

func detail(r Result, instance int, name StepName) string {
	for _, s := range r.Instances[instance].Steps {
		if s.Name == name {
			return s.Detail
		}
	}
	return ""
}

func TestRunWaitsForCapacityThenHalts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		// i-1 is down: it goes first, and fails to come up.
		w.machines["i-1"].running = ""
		w.faults["prepare/i-1"] = fault{err: errFault}
		result, err := w.run(t.Context(), w.config())
		require.ErrorContains(t, err, "would keep 0 healthy targets, the floor is 1")
		assert.Equal(t, Refused, result.Outcome)
		w.requireServing("i-2", oldDigest)
	})
}

func TestZoneGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3) // i-2 is alone in zone b
		for i := range w.timing {
			w.timing[i].CrossZone = false
		}
		result, err := w.run(t.Context(), w.config())
		require.ErrorContains(t, err, "i-2 can never leave: i-2 is the last healthy target of zone b")
		assert.Equal(t, Refused, result.Outcome)
		assert.Equal(t, []InstanceOutcome{Pending, Pending, Pending}, outcomes(result))

		c := w.config()
		c.Policy.ZoneLoss = true
		result, err = w.run(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, Deployed, result.Outcome)
	})
}

// A batch that no wait would let go is refused before anything is touched.
func TestABatchThatCanNeverLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		c, began := w.config(), time.Now()
		c.Policy.Batch = Size{Count: 3}
		result, err := w.run(t.Context(), c)
		require.ErrorContains(t, err, "[i-1 i-2 i-3] can never leave together: target group "+groupA+" would keep 0 healthy targets, the floor is 1: choose a smaller batch")
		assert.Equal(t, Refused, result.Outcome)
		assert.Less(t, time.Since(began), time.Minute)
	})
}

// Health is asked at a steady pace, whatever the number of those who wait.
func TestHealthIsSharedByAllWhoWait(t *testing.T) {
	calls := func(instances int) (n int) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, instances)
			c := w.config()
			c.Policy.Batch = Size{Percent: 50}
			_, err := w.run(t.Context(), c)
			require.NoError(t, err)
			n = len(w.asked)
		})
		return n
	}
	assert.InDelta(t, calls(2), calls(40), 12)
}

// The load balancer describes its targets whole before each batch and at both ends
// of a run; while a batch joins, that batch alone.
func TestAJoiningBatchIsAskedForAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		w.leaveGroupB()
		c := w.config()
		c.Policy.Batch = Size{Count: 2}
		_, err := w.run(t.Context(), c)
		require.NoError(t, err)
		whole := 0
		for _, targets := range w.asked {
			if targets == 0 {
				whole++
			}
			assert.LessOrEqual(t, targets, 2*len(w.timing))
		}
		assert.Equal(t, 1+5+1, whole)
		assert.Greater(t, len(w.asked), 2*whole)
	})
}

// The intent is in the journal before the act, and without it nothing acts.
func TestWithoutAnIntentThereIsNoAct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		c := w.config()
		c.Journal = &failingJournal{after: 3 * 2} // the three prepares
		result, err := w.run(t.Context(), c)
		require.ErrorContains(t, err, "journal the intent")
		assert.Equal(t, Refused, result.Outcome, "nothing was touched")
		assert.Equal(t, []InstanceOutcome{Pending, Pending, Pending}, outcomes(result))
		for _, id := range w.order {
			w.requireServing(id, oldDigest)
		}
	})
}

// TestALostLeaseLeavesWhatWasNotDeregisteredPending loses the lease, so that the run can neither act nor journal a
// compensation. Only an instance that was deregistered before is out of service.
func TestALostLeaseLeavesWhatWasNotDeregisteredPending(t *testing.T) {
	for _, lost := range []struct {
		at       string
		ends     InstanceOutcome
		run      Outcome
		instance int
	}{
		{"i-1 deregister", Pending, Refused, 0},
		{"i-2 deregister", Pending, Mixed, 1},
		{"i-1 drain", OutOfService, Orphaned, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 3)
			c := w.config()
			journal, gone := c.Journal, false
			c.Journal = recorder(func(ctx context.Context, e Entry) error {
				w.mu.Lock()
				defer w.mu.Unlock()
				if gone = gone || lost.at == e.Instance+" "+string(e.Step); gone {
					return ErrLost
				}
				return journal.Record(ctx, e)
			})
			result, err := w.run(t.Context(), c)
			require.ErrorIs(t, err, ErrLost)
			assert.Equal(t, lost.run, result.Outcome, lost.at)
			assert.Equal(t, lost.ends, result.Instances[lost.instance].Outcome, lost.at)
			assert.Equal(t, lost.ends == Pending, registered(w, Target{groupA, w.order[lost.instance], 8080}), lost.at)
		})
	}
}

func TestJournalHoldsIntentsAndOutcomesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		c := w.config()
		journal := &memoryJournal{}
		c.Journal = journal
		_, err := w.run(t.Context(), c)
		require.NoError(t, err)
		var steps []StepName
		for _, e := range journal.Entries() {
			if e.Instance == "i-1" && e.Mark == Done {
				steps = append(steps, e.Step)
			}
			assert.Len(t, e.Targets, 2)
			assert.Equal(t, oldDigest, e.Old)
			assert.Equal(t, newDigest, e.New)
		}
		assert.Equal(t, Steps(), steps)
	})
}

func outcomes(r Result) []InstanceOutcome {
	var all []InstanceOutcome
	for _, i := range r.Instances {
		all = append(all, i.Outcome)
	}
	return all
}

func (w *world) fail(ports ...string) {
	for _, port := range ports {
		w.faults[port] = fault{err: errFault}
	}
}

type gate struct{ err error }

func (g gate) Name() string                { return "test" }
func (g gate) Check(context.Context) error { return g.err }

// failingJournal takes a number of entries and then none.
type failingJournal struct {
	mu    sync.Mutex
	after int
}

func (j *failingJournal) Record(context.Context, Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.after--; j.after < 0 {
		return errFault
	}
	return nil
}
