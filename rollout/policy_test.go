package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParsePolicy(t *testing.T) {
	p, err := ParsePolicy(DefaultPolicy(), "batch=25% drain.min=30s  failures=0 downtime=true")
	require.NoError(t, err)
	want := DefaultPolicy()
	want.Batch, want.Drain.Min, want.Failures, want.Downtime = Size{Percent: 25}, 30*time.Second, 0, true
	assert.Equal(t, want, p)
}

func TestParsePolicyNamesEveryFault(t *testing.T) {
	_, err := ParsePolicy(DefaultPolicy(), "batch=none pause=1 nonsense speed=3 pause=2s")
	for _, part := range []string{"batch=none", "pause=1:", `"nonsense" is not key=value`, `unknown key "speed"`, "pause is given twice"} {
		assert.ErrorContains(t, err, part)
	}
	assert.NotContains(t, err.Error(), "\n")
}

func TestPolicyThatMakesNoSense(t *testing.T) {
	for line, says := range map[string]string{
		"drain.max=30s":                "shorter than drain.min=1m0s",
		"drain.max=90s":                "connections still arrive then",
		"drain.min=-1s":                "negative",
		"drain.quiet=10m":              "no silence would end a drain",
		"drain.quiet=0s":               "drain.quiet=0s must be positive",
		"health=0s":                    "health=0s must be positive",
		"batch=0":                      "at least 1",
		"batch=150%":                   "between 1% and 100%",
		"failures=-1":                  "negative",
		"parallel=0":                   "at least 1",
		"poll=10m":                     "longer than health",
		"prove=0s health=0s pause=-1s": "prove=0s must be positive; health=0s must be positive; pause=-1s is negative",
	} {
		_, err := ParsePolicy(DefaultPolicy(), line)
		assert.ErrorContains(t, err, says, line)
	}
	require.NoError(t, DefaultPolicy().Validate())
}

func TestBatchRoundsDownToAtLeastOne(t *testing.T) {
	for _, c := range []struct {
		size Size
		n    int
		want int
	}{{Size{Count: 2}, 3, 2}, {Size{Percent: 25}, 10, 2}, {Size{Percent: 10}, 3, 1}, {Size{Percent: 100}, 4, 4}, {Size{}, 4, 1}} {
		assert.Equal(t, c.want, c.size.Of(c.n), "%s of %d", c.size, c.n)
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add("batch=2 drain.min=30s")
	f.Add("batch=25% zoneloss=true drain.fixed=1")
	f.Add("=")
	f.Fuzz(func(t *testing.T, line string) {
		p, err := ParsePolicy(DefaultPolicy(), line)
		if err != nil {
			require.Equal(t, DefaultPolicy(), p, "a refused line changes nothing")
			return
		}
		require.NoError(t, p.Validate())
		again, err := ParsePolicy(Policy{}, p.String())
		require.NoError(t, err)
		require.Equal(t, p, again, "what is printed can be read")
	})
}
