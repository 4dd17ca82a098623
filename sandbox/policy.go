package sandbox

import (
	"time"

	"github.com/growl-dev/deploy/rollout"
)

// policy returns the default policy with every duration divided by the factor.
func policy(factor float64) rollout.Policy {
	p := rollout.DefaultPolicy()
	for _, d := range []*time.Duration{
		&p.Drain.Min, &p.Drain.Max, &p.Drain.Quiet, &p.Drain.Lag,
		&p.Prove, &p.Health, &p.Traffic, &p.Pause, &p.Poll,
	} {
		*d = (time.Duration(float64(*d) / factor)).Round(time.Millisecond)
	}
	return p
}
