package growl_test

import (
	"cmp"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/rollout"
)

// TestKilledAtEveryBoundary kills runs with SIGKILL at the boundaries of their journal, each before and after the store
// has the entry, heals in a process of its own, and checks the fleet. Requests are sent through the load balancer all
// the time.
func TestKilledAtEveryBoundary(t *testing.T) {
	needTime(t)
	t.Parallel()
	for _, kept := range []bool{false, true} {
		name := "before the entry is written"
		if kept {
			name = "before the run knows that it is"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tellStory(newStory(t, kept))
		})
	}
}

// killsOf are the boundaries at which a run is killed: all of the instance that
// leaves first, a sample of the others, for which the first is updated already.
func killsOf(instances []rollout.Instance) (first, later []boundary) {
	for _, step := range rollout.Steps() {
		for _, mark := range []rollout.Mark{rollout.Begun, rollout.Done} {
			first = append(first, boundaryOf(rollout.Entry{Instance: instances[0].ID, Step: step, Mark: mark}))
		}
	}
	second, third := instances[1].ID, instances[2].ID
	return first, []boundary{
		{second, rollout.StepStop, rollout.Begun},
		{second, rollout.StepJoin, rollout.Begun},
		{third, rollout.StepDrain, rollout.Done},
		{third, rollout.StepStart, rollout.Done},
		{third, rollout.StepSettle, rollout.Begun},
	}
}

// story is one sandbox's, from its first kill to the receipt of its load.
type story struct {
	t     *testing.T
	place place
	guard *gatekeeper
	kept  bool
	load  *probe.Probe
}

func newStory(t *testing.T, kept bool) *story {
	p := keepSandbox(t)
	load, err := probe.Start(t.Context(), probe.Options{URL: "http://" + p.vars["NLB"] + "/", Rate: 60, KeepAlive: 6, Timeout: 30 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { load.Stop() })
	return &story{t: t, place: p, guard: guard(t, p), kept: kept, load: load}
}

func tellStory(s *story) {
	first, later := killsOf(s.place.fleet.Instances)
	for _, b := range first {
		s.round(b)
	}
	s.complete()
	for _, b := range later {
		s.round(b)
	}
	s.complete()
	s.assertAllCrossed()
	s.end()
}

// round rolls a release out that the boundary's instance does not run, kills the
// run there, and heals.
func (s *story) round(b boundary) {
	s.part(s.name(b), func(t *testing.T) {
		began := time.Now()
		instance := cmp.Or(b.instance, s.place.fleet.Instances[0].ID)
		s.killAt(t, b, s.place.deploy(s.other(t, instance))...)
		s.unlock(t, b)
		s.heal(t)
		found := s.assertInService(t)
		s.assertNothingLeft(t, b, found[instance])
		t.Logf("%s", time.Since(began).Round(time.Millisecond))
	})
}

// part runs a part of the test, unless an earlier part failed, because its result would mean nothing then.
func (s *story) part(name string, tell func(*testing.T)) {
	require.True(s.t, s.t.Run(name, func(t *testing.T) {
		tell(t)
		receipt := s.load.Snapshot()
		assert.Zero(t, receipt.Failed, "%s", receipt)
	}), "the story ends here")
}

func (s *story) name(b boundary) string {
	for n, i := range s.place.fleet.Instances {
		if i.ID == b.instance {
			return string(rune('1'+n)) + " " + b.String()
		}
	}
	return b.String()
}

// other is the release that an instance does not run.
func (s *story) other(t *testing.T, instance string) string {
	if s.place.inspect(t)[instance].commit == s.place.vars["V2"] {
		return s.place.vars["V1"]
	}
	return s.place.vars["V2"]
}

// killAt starts a target and kills it at a boundary.
func (s *story) killAt(t *testing.T, b boundary, args ...string) {
	t.Helper()
	run := s.guard.start(t, s.place, b, s.kept, nil, args...)
	require.Equal(t, -1, run.end(t), "it ended by itself, not by the signal at %s: %s", b, run.text())
}

// unlock releases the lease of a killed run before it ends, as an operator can, after a check of the journal.
func (s *story) unlock(t *testing.T, b boundary) {
	t.Helper()
	status, err := s.place.ledger(t).Current(t.Context())
	require.NoError(t, err)
	require.NotNil(t, status.Lease, "the dead run's lease is gone")
	written := false
	for _, e := range status.Lease.Entries {
		written = written || b == boundaryOf(e)
	}
	require.Equal(t, s.kept, written, "the journal is not that of a run that died there")
	code, output := s.place.run(t, "deploy:unlock", "dev", "-run="+status.Lease.RunID)
	require.Zero(t, code, "%s", output)
}

func (s *story) heal(t *testing.T) {
	t.Helper()
	run := s.place.start(t, s.guard.aMinuteLater(), s.place.operate("heal")...)
	require.Zero(t, run.end(t), "%s", run.text())
}

func (s *story) assertInService(t *testing.T) map[string]running {
	t.Helper()
	s.place.assertHealthy(t)
	found := s.place.inspect(t)
	for id, r := range found {
		assert.Contains(t, []string{s.place.vars["V1"], s.place.vars["V2"]}, r.commit, id)
	}
	return found
}

// assertNothingLeft checks that an instance that was healed runs only the service. An instance that was in service when
// the run was killed keeps its old container until the next run settles.
func (s *story) assertNothingLeft(t *testing.T, b boundary, found running) {
	t.Helper()
	if b.step == rollout.StepSettle || b.step == rollout.StepJoin && b.mark == rollout.Done && s.kept {
		assert.Subset(t, []string{"/growl-backend", "/growl-backend-previous"}, found.containers)
		return
	}
	assert.Equal(t, []string{"/growl-backend"}, found.containers)
}

// complete rolls out the release that the first instance does not run, to the end.
func (s *story) complete() {
	s.part("to the end", func(t *testing.T) {
		release := s.other(t, s.place.fleet.Instances[0].ID)
		run := s.place.start(t, []string{s.guard.variable()}, s.place.deploy(release)...)
		require.Zero(t, run.end(t), "%s", run.text())
		s.assertRuns(t, release)
	})
}

// assertAllCrossed holds the list of boundaries to what runs really wrote: each
// instance goes through every one, and there are no others.
func (s *story) assertAllCrossed() {
	crossed := s.guard.crossed()
	others := maps.Clone(crossed)
	for _, i := range s.place.fleet.Instances {
		all, _ := killsOf([]rollout.Instance{i, i, i})
		for _, b := range all {
			assert.True(s.t, crossed[b], "%s %s", i.Name, b)
			delete(others, b)
		}
	}
	assert.Empty(s.t, others, "boundaries that nobody was killed at")
}
