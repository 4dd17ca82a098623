package probe

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheProbeHaltsARunWhoseRequestsFail(t *testing.T) {
	var now Receipt
	j := &Judge{snapshot: func() Receipt { return now }}
	g, watch := j.Guard(), j.Watch()
	assert.NoError(t, g.Check(t.Context()), "no requests yet")
	now = Receipt{Requests: 1000, Failed: 10}
	assert.NoError(t, g.Check(t.Context()), "one in a hundred is tolerated")
	now = Receipt{Requests: 1100, Failed: 12}
	assert.ErrorContains(t, g.Check(t.Context()), "2 of 100 requests")
	now = Receipt{Requests: 2100, Failed: 12}
	assert.NoError(t, g.Check(t.Context()), "a failure counts once")

	now = Receipt{Requests: 2200, Failed: 21}
	assert.NoError(t, watch.Check(t.Context()), "nine of the first 100 may be chance")
	now = Receipt{Requests: 2300, Failed: 22}
	assert.ErrorContains(t, watch.Check(t.Context()), "10 of 200 requests")
	assert.ErrorContains(t, watch.Check(t.Context()), "10 of 200 requests", "a watch ends no receipt")
	now = Receipt{Requests: 2300, Failed: 40, ByError: map[string]int64{"overrun": 20, "dial: this machine's limit of ports or files": 20}}
	j.last = Receipt{Requests: 2200}
	assert.NoError(t, g.Check(t.Context()), "what this machine could not send")
	now = Receipt{Requests: 2400, Failed: 90}
	assert.Error(t, watch.Check(t.Context()))
	j.Begin()
	assert.NoError(t, watch.Check(t.Context()), "what failed before an instance left")
	now = Receipt{Requests: 2500, Failed: 190}
	j.Begin()
	assert.Error(t, watch.Check(t.Context()), "only the first one begins it")
}

func TestAProbeWithoutAGoodAnswerRefusesTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		asked := func(good func(n int64) int64) error {
			began = time.Now()
			return (&Judge{snapshot: func() Receipt {
				n := int64(time.Since(began) / (5 * time.Millisecond))
				return Receipt{Requests: 100 + n, Failed: 50 + n - good(n), ByError: map[string]int64{"status 404": n}}
			}}).Answers().Check(t.Context())
		}
		require.ErrorContains(t, asked(func(int64) int64 { return 0 }), "none of 20 requests through the load balancer succeeded (")
		assert.Equal(t, 100*time.Millisecond, time.Since(began))
		require.NoError(t, asked(func(n int64) int64 { return n / 15 }), "the fleet may be in trouble, but it answers")
		silent := (&Judge{snapshot: func() Receipt { return Receipt{} }}).Answers()
		began = time.Now()
		require.ErrorContains(t, silent.Check(t.Context()), "none of 0 requests")
		assert.Equal(t, firstWait, time.Since(began))
	})
}
