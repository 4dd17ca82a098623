package targets

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/rollout"
)

func TestTheProbeHaltsARunWhoseRequestsFail(t *testing.T) {
	var now probe.Receipt
	g := &receiptGuard{snapshot: func() probe.Receipt { return now }}
	assert.NoError(t, g.Check(t.Context()), "no requests yet")
	now = probe.Receipt{Requests: 1000, Failed: 10}
	assert.NoError(t, g.Check(t.Context()), "one in a hundred is tolerated")
	now = probe.Receipt{Requests: 1100, Failed: 12}
	assert.ErrorContains(t, g.Check(t.Context()), "2 of 100 requests")
	now = probe.Receipt{Requests: 2100, Failed: 12}
	assert.NoError(t, g.Check(t.Context()), "what was said before is not said again")

	now = probe.Receipt{Requests: 2200, Failed: 21}
	watch := receiptWatch{g}
	assert.NoError(t, watch.Check(t.Context()), "nine of the first 100 may be chance")
	now = probe.Receipt{Requests: 2300, Failed: 22}
	assert.ErrorContains(t, watch.Check(t.Context()), "10 of 200 requests")
	assert.ErrorContains(t, watch.Check(t.Context()), "10 of 200 requests", "a watch ends no receipt")
	now = probe.Receipt{Requests: 2300, Failed: 40, ByError: map[string]int64{"overrun": 20, "dial: this machine's limit of ports or files": 20}}
	g.last = probe.Receipt{Requests: 2200}
	assert.NoError(t, g.Check(t.Context()), "what this machine could not send")
	now = probe.Receipt{Requests: 2400, Failed: 90}
	l := load{probe: new(probe.Probe), guard: g}
	leaves := rollout.Event{Step: rollout.StepDeregister, Kind: rollout.StepBegun}
	l.observe(rollout.Event{Step: rollout.StepPrepare, Kind: rollout.StepBegun})
	assert.Error(t, watch.Check(t.Context()))
	l.observe(leaves)
	assert.NoError(t, watch.Check(t.Context()), "what failed before an instance left")
	now = probe.Receipt{Requests: 2500, Failed: 190}
	l.observe(leaves)
	assert.Error(t, watch.Check(t.Context()), "only the first one begins it")

	assert.Nil(t, load{}.watches(), "no probe, no watch")
	assert.Nil(t, load{}.guards(), "no probe, no guard")
	assert.Nil(t, load{}.gates(), "no probe, no gate")
}

func TestAProbeThatHearsNothingGoodRefusesTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		asked := func(good func(n int64) int64) error {
			began = time.Now()
			return (&answerGate{snapshot: func() probe.Receipt {
				n := int64(time.Since(began) / (5 * time.Millisecond))
				return probe.Receipt{Requests: 100 + n, Failed: 50 + n - good(n), ByError: map[string]int64{"status 404": n}}
			}}).Check(t.Context())
		}
		require.ErrorContains(t, asked(func(int64) int64 { return 0 }), "none of 20 requests through the load balancer was answered well (")
		assert.Equal(t, 100*time.Millisecond, time.Since(began))
		require.NoError(t, asked(func(n int64) int64 { return n / 15 }), "the fleet may be in trouble, but it answers")
		silent := &answerGate{snapshot: func() probe.Receipt { return probe.Receipt{} }}
		began = time.Now()
		require.ErrorContains(t, silent.Check(t.Context()), "none of 0 requests")
		assert.Equal(t, firstWait, time.Since(began))
	})
}
