package e2e

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/rollout"
)

// cutInSwap takes the network from two hosts that serve nobody at that moment: for a
// while that TCP bridges by itself, and for one in which the deployer gives up on
// the connection.
func (f *fleet) cutInSwap(t *testing.T) {
	f.publish(t, "v2")
	f.atOnce(2)
	f.unhurried()
	r, receipt := f.scripted(t, "v2", func(s *script) {
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
	require.Contains(t, []int{0, 4}, r.cmd.ProcessState.ExitCode(), "%s", r.said())
	f.awaitInService(t)
	f.finish(t, r, "v2")
}

// cutElsewhere takes the network for three seconds from hosts that the load
// balancer may still send to, or sends to again: what it sends to a host that is
// away fails, and nothing else does.
func (f *fleet) cutElsewhere(t *testing.T) {
	f.publish(t, "v2")
	f.unhurried()
	s := newScript(t, f)
	var r *run
	o := &outages{}
	receipt := f.loaded(t, func(load *probe.Probe) {
		o.load = load
		for _, m := range []moment{
			{f.hosts[0], rollout.StepPrepare, rollout.Begun},
			{f.hosts[0], rollout.StepJoin, rollout.Begun},
			{f.hosts[1], rollout.StepDrain, rollout.Begun},
			{f.hosts[1], rollout.StepSettle, rollout.Begun},
			{f.hosts[2], rollout.StepDeregister, rollout.Begun},
			{f.hosts[2], rollout.StepRegister, rollout.Begun},
		} {
			s.at(m, func() { o.cut(t, m.host, 3*time.Second) })
		}
		r = f.deploy(t, "v2", s.variable())
		s.follow(r)
		f.awaitInService(t)
		o.open.Wait()
	})
	t.Logf("exit code %d, %v; %d failed while a host was away", r.cmd.ProcessState.ExitCode(), f.outcomes(t, r), o.excused)
	require.Contains(t, []int{0, 4}, r.cmd.ProcessState.ExitCode(), "%s", r.said())
	require.Greater(t, receipt.Requests, int64(1000))
	require.Equal(t, o.excused, receipt.Failed, "requests failed while no host was away: %s", receipt)
	require.Less(t, o.excused, receipt.Requests/20, "more failed than was sent to a host that was away: %s", receipt)
	f.finish(t, r, "v2")
}

// outages are times in which a host is away, and the requests that failed in them.
type outages struct {
	load *probe.Probe
	open sync.WaitGroup

	mu      sync.Mutex
	now     int
	before  int64
	excused int64 // requests that failed meanwhile
}

// late is how long after a host is back a request that met its absence may still
// fail: the balancer gives up on dialing after 3 s, the probe on an answer after 5 s.
const late = 6 * time.Second

func (o *outages) cut(t *testing.T, h *host, away time.Duration) {
	o.count(1)
	o.open.Add(1)
	h.cut(t)
	time.AfterFunc(away, func() {
		h.mend(t)
		time.AfterFunc(late, func() {
			o.count(-1)
			o.open.Done()
		})
	})
}

// count begins or ends one; what overlaps is one outage.
func (o *outages) count(change int) {
	failed := o.load.Snapshot().Failed
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.now == 0 {
		o.before = failed
	}
	if o.now += change; o.now == 0 {
		o.excused += failed - o.before
	}
}
