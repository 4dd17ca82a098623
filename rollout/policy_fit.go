package rollout

import (
	"errors"
	"fmt"
	"time"
)

// refuseUnworkable returns an error, with the numbers, if the live target groups make the policy impossible.
func (p Policy) refuseUnworkable(groups []Timing) error {
	var faults []error
	for _, t := range groups {
		if need := p.Drain.Lag + t.checks(); p.Health < need {
			faults = append(faults, fmt.Errorf("health=%s cannot work in target group %s: routing to a registered target takes up to %s and %d checks at %s %s, %s together",
				p.Health, t.Group, p.Drain.Lag, t.HealthyThreshold, t.Interval, t.checks(), need))
		}
		if name, longest := p.Drain.longest(); t.Terminates && longest > t.Delay {
			faults = append(faults, fmt.Errorf("%s=%s cannot work in target group %s: it cuts connections at the end of its deregistration delay of %s",
				name, longest, t.Group, t.Delay))
		}
	}
	return errors.Join(faults...)
}

// longest returns how long a drain may take, and the name of the setting that limits it.
func (d Drain) longest() (name string, limit time.Duration) {
	if d.Fixed {
		return "drain.min", d.Min
	}
	return "drain.max", d.Max
}

// checks returns how long the group takes at least to call a target healthy that answers every check.
func (t Timing) checks() time.Duration {
	return t.Interval * time.Duration(t.HealthyThreshold)
}
