package rollout

// promise is one thing that has to be true in every story. To add one, write a function that returns how it is broken, and
// add a row to promises, under the moment at which it is to be checked.
type promise struct {
	name string
	// broken returns how the promise is broken; empty: it is kept. It returns notAsked if the scene has nothing to do with it.
	broken func(scene) string
	// off is why it is not checked, for example because the engine has a fault that is being mended; empty: it is.
	off string
}

// notAsked is returned by a check that does not apply to a scene, so that it does not count.
const notAsked = "-"

// moment is when a check is made.
type moment int

const (
	whenActBegins moment = iota
	whenActLands
	whenRegistered
	whenDeregistered
	whenQuieted // a running container is about to be stopped
	whenJoined  // a process journals that an instance has joined
	whenEnded   // a command returned its result; once for each instance of it
	whenOver    // once for each instance, after the last command has healed in calm
	whenDone    // the same for the story as a whole
	moments
)

// scene is what a check looks at. Fields that a moment does not concern are empty.
type scene struct {
	p       *process
	m       *rig
	port    string
	ended   bool // the context of the call has ended already
	targets []Target
	late    lateness
	result  *Result
	of      *InstanceResult
	err     error
}

// promises is the table of all checks.
var promises = [moments][]promise{
	whenActBegins: {
		{name: "an act is never cancelled half-way", broken: beginsCancelled},
		{name: "one process acts", broken: actsWithoutLease},
		{name: "intent before act", broken: actsWithoutIntent},
		{name: "recovery waits for the last act of the run before", broken: actsTooSoon},
	},
	whenActLands: {
		{name: "one process acts", broken: actsWithoutLease},
		{name: "an act ends with its intent", broken: outlivesIntent},
	},
	whenRegistered: {
		{name: "only what is proven is registered", broken: registersUnproven},
		{name: "what others took out stays out", broken: registersTakenOut},
	},
	whenDeregistered: {
		{name: "floor", broken: underFloor},
		{name: "zone", broken: emptiesZone},
	},
	whenQuieted: {
		{name: "nothing that is registered is stopped", broken: stopsRegistered},
		{name: "nothing that is routed to is stopped", broken: stopsRouted},
		{name: "no connection is cut before the longest drain", broken: cutsConnections},
	},
	whenJoined: {
		{name: "what joins is healthy", broken: joinsUnhealthy},
	},
	whenEnded: {
		{name: "nothing is lost without a fault", broken: losesWithoutFault},
		{name: "what is said to serve runs", broken: claimsService},
		{name: "what is said to run runs", broken: claimsRelease},
		{name: "one digest", broken: claimsOneDigest},
		{name: "success means service", broken: claimsSuccess},
		{name: "what was healed is routed to", broken: healedUnrouted},
	},
	whenOver: {
		{name: "in service at the end", broken: outOfServiceAtEnd},
		{name: "nothing kept at the end", broken: keptAtEnd},
		{name: "clients may stay at the end", broken: toldAtEnd},
	},
	whenDone: {
		{name: "no failed connection", broken: failedConnections},
		{name: "somebody is routed to", broken: nobodyRouted},
	},
}

// judge makes the checks of a moment.
func (w *sim) judge(at moment, s scene) {
	for _, c := range promises[at] {
		if c.off != "" {
			continue
		}
		broken := c.broken(s)
		if broken == notAsked {
			continue
		}
		w.check(c.name, broken == "", broken)
	}
}

// check counts a check and notes when it fails.
func (w *sim) check(name string, holds bool, broken string) {
	w.tally["checks: "+name]++
	if !holds {
		w.violate(name, broken)
	}
}
