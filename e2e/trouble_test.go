package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/rollout"
)

// scripted rolls a release out under load along a script.
func (f *fleet) scripted(t *testing.T, release string, write func(*script)) (*run, probe.Receipt) {
	t.Helper()
	s := newScript(t, f)
	write(s)
	var r *run
	receipt := f.load(t, func() {
		r = f.deploy(t, release, s.variable())
		s.follow(r)
	})
	return r, receipt
}

// sshKilled ends the first host's SSH servers as each row begins, the second's as
// each is done, and the third's in the midst of each.
func (f *fleet) sshKilled(t *testing.T) {
	f.publish(t, "v2")
	r, receipt := f.scripted(t, "v2", func(s *script) {
		first, second, third := f.hosts[0], f.hosts[1], f.hosts[2]
		for _, step := range rollout.Steps() {
			s.at(moment{first, step, rollout.Begun}, func() { first.kill(t, "sshd") })
			if step != rollout.StepPrepare { // whose end is in no journal
				s.at(moment{second, step, rollout.Done}, func() { second.kill(t, "sshd") })
			}
			s.at(moment{third, step, rollout.Begun}, func() {
				time.AfterFunc(30*time.Millisecond, func() { third.kill(t, "sshd") })
			})
		}
	})
	require.Zero(t, r.cmd.ProcessState.ExitCode())
	requireNoneFailed(t, receipt)
	assert.Equal(t, []string{"updated", "updated", "updated"}, f.outcomes(t, r))
	f.assertServes(t, "v2")
}

// recovery heals what a run could not put back by itself.
func (f *fleet) recovery(t *testing.T) {
	f.publish(t, "v2")
	part(t, "the deployer is killed", func(t *testing.T) { f.deployerKilled(t, "v1", "v2") })
	part(t, "the engine is gone until it is mended", func(t *testing.T) { f.engineGone(t, "v1", "v2") })
}

// engineGone ends the first host's engine in the swap for as long as the run takes.
// That leaves the host out of service, which is said; with the engine back, heal
// puts it in again.
func (f *fleet) engineGone(t *testing.T, before, after string) {
	h := f.hosts[0]
	r, receipt := f.scripted(t, after, func(s *script) {
		s.at(moment{h, rollout.StepStart, rollout.Begun}, func() {
			h.hold(t, "dockerd")
			h.killEngine(t)
		})
	})
	requireNoneFailed(t, receipt)
	require.Equal(t, 5, r.cmd.ProcessState.ExitCode())
	assert.Equal(t, []string{"failed", "pending", "pending"}, f.outcomes(t, r))
	h.unhold(t, "dockerd")
	h.awaitEngine(t)
	requireNoneFailed(t, f.load(t, func() {
		heal := f.tend(t, "heal", "-policy="+f.policy)
		require.Zero(t, heal.cmd.ProcessState.ExitCode())
	}))
	f.assertServes(t, before)
}

// engineBack ends the second host's engine when the old container has stopped; its
// init starts it again. A host that was put back is as good an end as one that was
// updated.
func (f *fleet) engineBack(t *testing.T) {
	const after = "v2"
	f.publish(t, after)
	h := f.hosts[1]
	r, receipt := f.scripted(t, after, func(s *script) {
		s.at(moment{h, rollout.StepStart, rollout.Begun}, func() { h.killEngine(t) })
	})
	requireNoneFailed(t, receipt)
	if r.cmd.ProcessState.ExitCode() != 0 {
		require.Equal(t, 4, r.cmd.ProcessState.ExitCode())
		assert.Equal(t, []string{"updated", "restored", "updated"}, f.outcomes(t, r))
	}
	f.finish(t, r, after)
}

// finish rolls a release out to the end where a run did not, with nothing in the way.
func (f *fleet) finish(t *testing.T, before *run, release string) {
	t.Helper()
	if before.cmd.ProcessState.ExitCode() != 0 {
		requireNoneFailed(t, f.load(t, func() {
			r := f.deploy(t, release)
			require.Zero(t, r.end(t))
		}))
	}
	f.assertServes(t, release)
}

// deployerKilled kills the deployer between the stop and the start, and heals.
func (f *fleet) deployerKilled(t *testing.T, before, after string) {
	s := newScript(t, f)
	requireNoneFailed(t, f.load(t, func() {
		r := f.deploy(t, after, s.variable())
		s.at(moment{f.hosts[0], rollout.StepStart, rollout.Begun}, r.kill)
		require.Equal(t, -1, r.end(t))
		unlock := f.tend(t, "unlock", "-run="+s.runID())
		require.Zero(t, unlock.cmd.ProcessState.ExitCode())
		heal := f.tend(t, "heal", "-policy="+f.policy)
		require.Zero(t, heal.cmd.ProcessState.ExitCode())
	}))
	f.assertServes(t, before)
}
