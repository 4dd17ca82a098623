package balancer

import "time"

// State is a target's state in the words of DescribeTargetHealth.
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

// Health is what the API says of a target.
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
	// delay is the deregistration delay: how long the API shows a draining target.
	delay time.Duration
	// unhealthyDraining is how long an unhealthy target is shown as draining its flows.
	unhealthyDraining time.Duration
	healthyAfter      int
	unhealthyAfter    int
	checkers          int
}

// target is the life of one registration as a function of time. It has no
// goroutines, sockets or locks; each method is told the time.
type target struct {
	rules rules
	// registered and deregistered are when the API was told; the latter is zero
	// while it is registered.
	registered   time.Time
	deregistered time.Time
	// routedFrom is when the data plane learns of the registration.
	routedFrom time.Time
	// verdict is the checkers' common opinion since a time. upBefore says whether
	// the data plane took it for up until then.
	verdict  State
	since    time.Time
	upBefore bool
	votes    []vote
}

// vote is the opinion of one checker.
type vote struct {
	// streak counts checks in a row: passed ones up from zero, failed ones down.
	streak  int
	opinion State
}

// register registers the target, again if it drains. What the data plane has
// not yet forgotten keeps its connections; for the API it starts at initial.
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

// deregister starts draining. The delay that holds is the one of this moment.
func (t *target) deregister(r rules, now time.Time) {
	t.rules.delay = r.delay
	t.deregistered = now
}

func (t *target) draining() bool { return !t.deregistered.IsZero() }

// checkedFrom is when the API starts to count health checks.
func (t *target) checkedFrom() time.Time { return t.registered.Add(t.rules.registerLag / 3) }

// unused reports whether the API no longer knows the target.
func (t *target) unused(now time.Time) bool {
	return t.draining() && !now.Before(t.deregistered.Add(t.rules.delay))
}

// forgotten reports whether the data plane no longer knows the target.
func (t *target) forgotten(now time.Time) bool {
	return t.draining() && !now.Before(t.deregistered.Add(t.rules.deregisterLag))
}

// routed reports whether the data plane knows the target, healthy or not.
func (t *target) routed(now time.Time) bool {
	return !now.Before(t.routedFrom) && !t.forgotten(now)
}

// up reports whether the data plane takes the target for healthy.
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

// health is what the API answers.
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
