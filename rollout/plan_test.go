package rollout

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// refusing is a gate that refuses.
type refusing struct{}

func (refusing) Name() string                { return "refusing" }
func (refusing) Check(context.Context) error { return errFault }

// TestThePlanEndsAsTheRun compares a plan with the run that follows it: both end with the same outcome and the same
// error, and the plan changed nothing.
func TestThePlanEndsAsTheRun(t *testing.T) {
	everywhere := func(w *world, port string, err error) {
		for _, id := range w.order {
			w.faults[port+"/"+id] = fault{err: err}
		}
	}
	unready := func(w *world, err error, ids ...string) {
		for _, id := range ids {
			w.faults["check/"+id], w.faults["prepare/"+id] = fault{err: err}, fault{err: err}
		}
	}
	for _, test := range []struct {
		name    string
		spoil   func(*world, *Config)
		outcome Outcome
		says    string
	}{
		{"all is well", func(*world, *Config) {}, Deployed, ""},
		{"all run it already", func(w *world, _ *Config) {
			for _, m := range w.machines {
				m.running = newDigest
			}
		}, UnchangedRun, ""},
		{"no instance can be reached", func(w *world, _ *Config) { everywhere(w, "connect", errFault) }, Refused, "no instance can be updated: i-1, i-2: injected"},
		{"another machine answers", func(w *world, c *Config) {
			c.Connect = func(_ context.Context, i Instance) (Host, error) { return &fakeHost{w, w.machines["i-1"]}, nil }
		}, Mixed, "i-2: inspect i-2: the machine at i-2 says it is i-1"},
		{"no instance has the env file", func(w *world, _ *Config) { unready(w, errFault, w.order...) }, Refused, "no instance can be updated: i-1, i-2: prepare: injected"},
		{"one instance has no mount", func(w *world, _ *Config) { unready(w, errFault, "i-2") }, Mixed, "i-2: prepare: injected"},
		{"one fails and none may", func(w *world, c *Config) {
			unready(w, errFault, "i-2")
			c.Policy.Failures = 0
		}, Refused, "halted after 1 failed instances: i-2: prepare: injected"},
		{"one refuses for all", func(w *world, _ *Config) { unready(w, fmt.Errorf("%w: the seal", ErrRefuse), "i-1") }, Refused, "i-1: prepare: not to be rolled out: the seal"},
		{"no container is found anywhere, though all serve", func(w *world, _ *Config) { w.serveOtherwise(w.order...) }, Refused, "no instance can be updated: i-1, i-2: prepare: " + irreplaceable},
		{"no container is found on one that serves", func(w *world, _ *Config) { w.serveOtherwise("i-2") }, Mixed, "i-2: prepare: " + irreplaceable},
		{"the target groups are refused", func(w *world, _ *Config) { w.faults["timing"] = fault{err: errFault} }, Refused, "read the target groups' timing: injected"},
		{"no target has the container's port", func(_ *world, c *Config) { c.Port = 9000 }, Refused, "no target is on port 9000"},
		{"a target is not in the fleet", func(_ *world, c *Config) { c.Instances, c.RefuseUnknown = c.Instances[:1], true }, Refused, "registered, but not in the fleet: i-2:8080"},
		{"a gate refuses", func(_ *world, c *Config) { c.Gates = []Gate{refusing{}} }, Refused, "gate refusing: injected"},
		{"the fleet is one", func(w *world, c *Config) {
			c.Instances = c.Instances[:1]
			delete(w.targets, Target{groupA, "i-2", 8080})
			delete(w.targets, Target{groupB, "i-2", 9090})
		}, Refused, "i-1 alone serves target group"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2)
				c := w.config()
				test.spoil(w, &c)
				journal := &memoryJournal{}
				c.Journal = journal
				plan, planned := MakePlan(t.Context(), c)
				assert.Empty(t, journal.Entries())
				for _, m := range w.machines {
					assert.False(t, m.pulled || m.told || m.created, "%s was changed", m.id)
				}
				assert.Equal(t, test.outcome, plan.Outcome)
				result, err := w.run(t.Context(), c)
				assert.Equal(t, result.Outcome, plan.Outcome, "the run ended otherwise: %v", err)
				if test.says == "" {
					require.NoError(t, errors.Join(planned, err))
					return
				}
				require.ErrorContains(t, planned, test.says)
				require.ErrorContains(t, err, test.says)
			})
		})
	}
}
