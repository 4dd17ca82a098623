package rollout

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Balancer is the load balancer. Every method may be called concurrently. Register and
// Deregister are acts: they call [CheckAct] directly before each request is sent.
type Balancer interface {
	// Register puts targets into their groups. Registering one that is there,
	// or that is still draining, is a success.
	Register(ctx context.Context, targets []Target) error
	// Deregister takes targets out of their groups. Taking out one that is not
	// there is a success.
	Deregister(ctx context.Context, targets []Target) error
	// Health returns the health of these targets, or of every target in every group of
	// the fleet if there are none. It may return more, and leaves out what is not
	// registered. The engine paces its calls and shares each result among all that wait
	// for one.
	Health(ctx context.Context, targets ...Target) (Health, error)
	// Timing reads how the live target groups check, drain and route.
	Timing(ctx context.Context) ([]Timing, error)
}

// Target is one registration of an instance: a port in a target group. An
// instance may be in several groups, and in one group on several ports.
type Target struct {
	// Group is the target group's ARN.
	Group string `json:"group"`
	// Instance is the instance ID.
	Instance string `json:"instance"`
	// Port is the port the group sends traffic to.
	Port int `json:"port"`
}

// compare orders targets by group, instance and port.
func (t Target) compare(other Target) int {
	return cmp.Or(
		strings.Compare(t.Group, other.Group),
		strings.Compare(t.Instance, other.Instance),
		cmp.Compare(t.Port, other.Port),
	)
}

// TargetState is a target's state, as the load balancer names it.
type TargetState string

// The states of a target behind a Network Load Balancer.
const (
	TargetInitial           TargetState = "initial"
	TargetHealthy           TargetState = "healthy"
	TargetUnhealthy         TargetState = "unhealthy"
	TargetUnhealthyDraining TargetState = "unhealthy.draining"
	TargetUnused            TargetState = "unused"
	TargetDraining          TargetState = "draining"
	TargetUnavailable       TargetState = "unavailable"
)

// Registered reports whether a target in this state belongs to its group. A target that
// is draining does not, because it was deregistered. One that is unhealthy.draining
// does: its flows are sent to other targets, but it stays registered.
func (s TargetState) Registered() bool {
	switch s {
	case TargetDraining, TargetUnused, "":
		return false
	default:
		return true
	}
}

// TargetHealth is the health of one target.
type TargetHealth struct {
	Target
	State TargetState
	// Reason is the reason code, such as Target.FailedHealthChecks; empty for
	// a healthy target.
	Reason string
	// Shifted is set while a zonal shift sends the traffic of the target's zone elsewhere, so that it receives none even if
	// it is healthy.
	Shifted bool
}

// String returns state and reason, such as "unhealthy (Target.FailedHealthChecks)".
func (h TargetHealth) String() string {
	switch {
	case h.Shifted:
		return TargetHealth{State: h.State, Reason: h.Reason}.String() + " in a zone under zonal shift"
	case h.State == "":
		return "not registered"
	case h.Reason == "":
		return string(h.State)
	}
	return fmt.Sprintf("%s (%s)", h.State, h.Reason)
}

// Health is the health of all targets in the fleet's groups, or of some of them.
type Health []TargetHealth

// Of returns the health of one instance's targets, in the order of groups and ports.
func (h Health) Of(instance string) Health {
	var of Health
	for _, t := range h {
		if t.Instance == instance {
			of = append(of, t)
		}
	}
	slices.SortFunc(of, func(a, b TargetHealth) int { return a.Target.compare(b.Target) })
	return of
}

// State returns the health of one target. Its state is empty if the target is not in
// the group.
func (h Health) State(target Target) TargetHealth {
	for _, t := range h {
		if t.Target == target {
			return t
		}
	}
	return TargetHealth{Target: target}
}

// String lists the states in order, each of them once, such as "initial, healthy".
func (h Health) String() string {
	var states []string
	for _, t := range h {
		if s := t.String(); !slices.Contains(states, s) {
			states = append(states, s)
		}
	}
	if len(states) == 0 {
		return "not registered"
	}
	return strings.Join(states, ", ")
}

// Timing holds the settings by which one live target group checks, drains and routes.
type Timing struct {
	// Group is the target group's ARN.
	Group string
	// Port is the group's default port. [Config.Register] registers an instance that is in no group on it.
	Port int
	// Interval is the time between two health checks of a target.
	Interval time.Duration
	// Timeout limits one health check.
	Timeout time.Duration
	// HealthyThreshold counts the checks in a row that must succeed.
	HealthyThreshold int
	// UnhealthyThreshold counts the checks in a row that must fail.
	UnhealthyThreshold int
	// Delay is the deregistration delay: how long a target drains.
	Delay time.Duration
	// Terminates is set if connections are cut at the end of Delay.
	Terminates bool
	// CrossZone is set if a zone's traffic may go to another zone's target.
	CrossZone bool
}

func healthy(h TargetHealth) bool { return h.State == TargetHealthy }
func initial(h TargetHealth) bool { return h.State == TargetInitial }

func unavailable(h TargetHealth) bool { return h.State == TargetUnavailable }
