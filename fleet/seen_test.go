package fleet_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/rollout"
)

func TestNotServing(t *testing.T) {
	f := fleet.Fleet{Instances: []rollout.Instance{{ID: "i-1", Name: "one"}, {ID: "i-2"}, {ID: "i-3"}, {ID: "i-4"}}}
	target := func(group, id string, port int, state rollout.TargetState, reason string) rollout.TargetHealth {
		return rollout.TargetHealth{Target: rollout.Target{Group: group, Instance: id, Port: port}, State: state, Reason: reason}
	}
	health := rollout.Health{
		target("a", "i-1", 80, rollout.TargetHealthy, ""),
		target("b", "i-1", 80, rollout.TargetDraining, "Target.DeregistrationInProgress"),
		target("a", "i-2", 80, rollout.TargetHealthy, ""),
		target("a", "i-2", 81, rollout.TargetDraining, "Target.DeregistrationInProgress"), // after a change of the port
		target("a", "i-3", 80, rollout.TargetInitial, "Elb.InitialHealthChecking"),
		target("a", "i-9", 80, rollout.TargetUnhealthy, ""),
	}
	assert.Equal(t, []string{
		"one (i-1) is draining (Target.DeregistrationInProgress) in b on port 80",
		"i-3 is initial (Elb.InitialHealthChecking) in a on port 80",
		"i-4 is in no target group",
	}, f.NotServing(health, nil))
	assert.Equal(t, []string{"who serves could not be read: denied"}, f.NotServing(nil, errors.New("denied")))
}
