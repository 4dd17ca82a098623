package balancer

import "time"

// State is a target's state as DescribeTargetHealth returns it.
type State string

// The states that this load balancer reports.
const (
	Initial           State = "initial"
	Healthy           State = "healthy"
	Unhealthy         State = "unhealthy"
	UnhealthyDraining State = "unhealthy.draining"
	Unused            State = "unused"
	Draining          State = "draining"
)

// Reason is a reason code of DescribeTargetHealth.
type Reason string

// The reason codes that this load balancer reports. A healthy target has none.
const (
	RegistrationInProgress   Reason = "Elb.RegistrationInProgress"
	InitialHealthChecking    Reason = "Elb.InitialHealthChecking"
	FailedHealthChecks       Reason = "Target.FailedHealthChecks"
	DeregistrationInProgress Reason = "Target.DeregistrationInProgress"
	NotRegistered            Reason = "Target.NotRegistered"
)

// Health is a target's health as the API reports it.
type Health struct {
	State       State
	Reason      Reason
	Description string
}

var notRegistered = Health{Unused, NotRegistered, "Target is not registered to the target group"}

// rules are the times and thresholds of one group, in the sandbox's own time.
type rules struct {
	registerLag   time.Duration
	deregisterLag time.Duration
	unhealthyLag  time.Duration
	// delay is the deregistration delay, for which the API shows a draining target.
	delay time.Duration
	// unhealthyDraining is the time for which the API shows an unhealthy target as draining its flows.
	unhealthyDraining time.Duration
	healthyAfter      int
	unhealthyAfter    int
	checkers          int
}

// target is the state of one registration as a function of time. It has no goroutines, sockets or locks: each method
// takes the time as its argument.
type target struct {
	rules rules
	// registered and deregistered are the times of the API's calls. deregistered is zero while the target is registered.
	registered   time.Time
	deregistered time.Time
	// routedFrom is the time from which the data plane has the target.
	routedFrom time.Time
	// verdict is the checkers' common result since a time. upBefore is true if the data plane treated the target as
	// healthy until then.
	verdict  State
	since    time.Time
	upBefore bool
	votes    []vote
}

// vote is the result of one checker.
type vote struct {
	// streak is the number of checks in a row with the same result, negative if they failed.
	streak  int
	opinion State
}

// register registers the target, or registers it again while it drains. If the data plane still has the target, it
// keeps its connections, while the API shows the state initial.
func (t *target) register(r rules, now time.Time) {
	remembered := !t.registered.IsZero() && !t.forgotten(now)
	up := remembered && t.up(now)
	if !remembered {
		t.routedFrom = now.Add(r.registerLag)
	}
	t.rules = r
	t.registered, t.deregistered = now, time.Time{}
	t.verdict, t.since, t.upBefore = Initial, now, up
	t.votes = make([]vote, r.checkers)
}

// enterService registers the target as if that had been long ago.
func (t *target) enterService(r rules, now time.Time) {
	t.register(r, now.Add(-r.registerLag))
	t.routedFrom = now
	t.verdict, t.since = Healthy, now
	for i := range t.votes {
		t.votes[i] = vote{streak: r.healthyAfter, opinion: Healthy}
	}
}

// deregister starts draining. Later changes of the group's deregistration delay have no effect on it.
func (t *target) deregister(r rules, now time.Time) {
	t.rules.delay = r.delay
	t.deregistered = now
}

func (t *target) draining() bool { return !t.deregistered.IsZero() }

// checkedFrom returns the time from which the API counts health checks.
func (t *target) checkedFrom() time.Time { return t.registered.Add(t.rules.registerLag / 3) }

// unused reports whether the API no longer shows the target.
func (t *target) unused(now time.Time) bool {
	return t.draining() && !now.Before(t.deregistered.Add(t.rules.delay))
}

// forgotten reports whether the data plane no longer has the target.
func (t *target) forgotten(now time.Time) bool {
	return t.draining() && !now.Before(t.deregistered.Add(t.rules.deregisterLag))
}

// routed reports whether the data plane has the target, healthy or not.
func (t *target) routed(now time.Time) bool {
	return !now.Before(t.routedFrom) && !t.forgotten(now)
}

// up reports whether the data plane treats the target as healthy.
func (t *target) up(now time.Time) bool {
	switch t.verdict {
	case Healthy:
		return true
	case Unhealthy:
		return t.upBefore && now.Before(t.since.Add(t.rules.unhealthyLag))
	default:
		return t.upBefore
	}
}

// observe counts one health check and reports whether it made the target unhealthy.
func (t *target) observe(checker int, passed bool, now time.Time) (fell bool) {
	if now.Before(t.checkedFrom()) || t.unused(now) {
		return false
	}
	t.votes[checker].count(passed, t.rules)
	switch {
	case t.verdict != Healthy && t.agreed(Healthy):
		t.decide(Healthy, now)
	case t.verdict != Unhealthy && t.agreed(Unhealthy):
		t.decide(Unhealthy, now)
		return true
	}
	return false
}

func (v *vote) count(passed bool, r rules) {
	if passed {
		v.streak = max(v.streak, 0) + 1
	} else {
		v.streak = min(v.streak, 0) - 1
	}
	if v.streak >= r.healthyAfter {
		v.opinion = Healthy
	}
	if -v.streak >= r.unhealthyAfter {
		v.opinion = Unhealthy
	}
}

func (t *target) agreed(opinion State) bool {
	for _, v := range t.votes {
		if v.opinion != opinion {
			return false
		}
	}
	return true
}

func (t *target) decide(verdict State, now time.Time) {
	t.upBefore = t.up(now)
	t.verdict, t.since = verdict, now
}

// health returns the health that the API reports.
func (t *target) health(now time.Time) Health {
	switch {
	case t.unused(now):
		return notRegistered
	case t.draining():
		return Health{Draining, DeregistrationInProgress, "Target deregistration is in progress"}
	case t.verdict == Healthy:
		return Health{State: Healthy}
	case t.verdict == Unhealthy && now.Before(t.since.Add(t.rules.unhealthyDraining)):
		return Health{UnhealthyDraining, FailedHealthChecks, "Health checks failed"}
	case t.verdict == Unhealthy:
		return Health{Unhealthy, FailedHealthChecks, "Health checks failed"}
	case now.Before(t.checkedFrom()):
		return Health{Initial, RegistrationInProgress, "Target registration is in progress"}
	default:
		return Health{Initial, InitialHealthChecking, "Initial health checks in progress"}
	}
}
