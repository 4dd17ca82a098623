package targets

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/growl-dev/deploy/probe"
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
	assert.Nil(t, load{}.guards(), "no probe, no guard")
}
