package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/rollout"
)

// TestHostsInTrouble rolls releases out while hosts lose their SSH server, their
// engine or their network, and after the deployer itself was killed.
func TestHostsInTrouble(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2)
	f.publish(t, "v2")
	f.publish(t, "v3")
	for _, trouble := range []struct {
		name string
		meet func(t *testing.T, before, after string)
	}{
		{"sshd killed in each phase", f.sshKilled},
		{"the engine dies in the swap and comes back", f.engineDies},
		{"the engine is gone until it is mended", f.engineGone},
		{"cut off in the swap and back", f.cutInSwap},
		{"cut off in the drain and back", f.cutInDrain},
		{"the deployer is killed", f.deployerKilled},
	} {
		t.Run(trouble.name, func(t *testing.T) {
			f.awaitInService(t)
			before := f.hosts[0].release(t, f)
			trouble.meet(t, before, map[string]string{"v1": "v2", "v2": "v3", "v3": "v2"}[before])
		})
	}
}

// scripted rolls a release out under load along a script.
func (f *fleet) scripted(t *testing.T, release string, write func(*script)) (*run, probe.Receipt) {
	t.Helper()
	s := newScript(t, f)
	write(s)
	var r *run
	receipt := f.load(t, func() {
		r = f.deploy(t, release, s.variable())
		r.end(t)
	})
	return r, receipt
}

// sshKilled ends the first host's SSH servers as each row begins, the second's as
// each is done, and the third's in the midst of each.
func (f *fleet) sshKilled(t *testing.T, _, after string) {
	r, receipt := f.scripted(t, after, func(s *script) {
		for _, step := range rollout.Steps()[1:] {
			first, second, third := f.hosts[0], f.hosts[1], f.hosts[2]
			s.at(moment{first, step, rollout.Begun}, func() { first.kill(t, "sshd") })
			s.at(moment{second, step, rollout.Done}, func() { second.kill(t, "sshd") })
			s.at(moment{third, step, rollout.Begun}, func() {
				time.AfterFunc(30*time.Millisecond, func() { third.kill(t, "sshd") })
			})
		}
	})
	require.Zero(t, r.cmd.ProcessState.ExitCode())
	requireNoneFailed(t, receipt)
	assert.Equal(t, []string{"updated", "updated", "updated"}, f.outcomes(t, r))
	f.assertServes(t, after)
}

// engineDies ends the second host's engine when the old container has stopped.
// Its init starts it again.
func (f *fleet) engineDies(t *testing.T, _, after string) {
	h := f.hosts[1]
	r, receipt := f.scripted(t, after, func(s *script) {
		s.at(moment{h, rollout.StepStart, rollout.Begun}, func() { h.killEngine(t) })
	})
	requireNoneFailed(t, receipt)
	if r.cmd.ProcessState.ExitCode() != 0 { // one that was put back is as good an end
		require.Equal(t, 4, r.cmd.ProcessState.ExitCode())
		assert.Equal(t, []string{"updated", "restored", "updated"}, f.outcomes(t, r))
		r = f.deploy(t, after)
		require.Zero(t, r.end(t))
	}
	f.assertServes(t, after)
}

// engineGone ends the first host's engine in the swap for as long as the run
// takes. That leaves the host out of service, which is said; with the engine
// back, heal puts it in again.
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
		heal := f.tend(t, "heal", "-policy="+f.env.Policy())
		require.Zero(t, heal.cmd.ProcessState.ExitCode())
	}))
	f.assertServes(t, before)
}

// cutInSwap takes the network from hosts that serve nobody at that moment: for a
// while that TCP bridges by itself, and for one in which the deployer gives up on
// the connection.
func (f *fleet) cutInSwap(t *testing.T, _, after string) {
	r, receipt := f.scripted(t, after, func(s *script) {
		for n, away := range []time.Duration{3 * time.Second, 30 * time.Second} {
			h := f.hosts[n]
			s.at(moment{h, rollout.StepStop, rollout.Begun}, func() {
				h.cut(t)
				time.AfterFunc(away, func() { h.mend(t) })
			})
		}
	})
	requireNoneFailed(t, receipt)
	t.Logf("exit code %d, %v", r.cmd.ProcessState.ExitCode(), f.outcomes(t, r))
	f.awaitInService(t)
	f.finish(t, r, after)
}

// cutInDrain takes the network from a host that the load balancer still sends
// to: those requests fail, and nothing else does.
func (f *fleet) cutInDrain(t *testing.T, _, after string) {
	h := f.hosts[1]
	r, _ := f.scripted(t, after, func(s *script) {
		s.at(moment{h, rollout.StepDrain, rollout.Begun}, func() {
			h.cut(t)
			time.AfterFunc(3*time.Second, func() { h.mend(t) })
		})
	})
	t.Logf("exit code %d, %v", r.cmd.ProcessState.ExitCode(), f.outcomes(t, r))
	f.awaitInService(t)
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
		heal := f.tend(t, "heal", "-policy="+f.env.Policy())
		require.Zero(t, heal.cmd.ProcessState.ExitCode())
	}))
	f.assertServes(t, before)
}
