package rollout

import (
	"fmt"
	"time"
)

// proof counts the connections that must have been expected before their absence proves anything. If ten were expected,
// silence happens by accident with probability e^-10, which is one in 22,000.
const proof = 10

// rate is the frequency at which clients opened connections to one instance while it served.
type rate struct {
	perSecond float64
	source    Source
}

// measure returns the rate between two samples. It also returns whether the rate is more than noise, which means that
// at least [proof] connections were opened.
func measure(from, to Traffic, elapsed time.Duration) (rate, bool) {
	if from.Source != to.Source || to.Source == Uncounted || to.Opened < from.Opened || elapsed <= 0 {
		return rate{}, false
	}
	opened := to.Opened - from.Opened
	return rate{float64(opened) / elapsed.Seconds(), to.Source}, opened >= proof
}

func (r rate) String() string {
	if r.source == Uncounted {
		return "traffic not measured"
	}
	return fmt.Sprintf("%.3g connections/s before", r.perSecond)
}

// proves reports whether silence of this length means that the traffic has left.
func (r rate) proves(silence time.Duration) bool {
	return r.perSecond*silence.Seconds() >= proof
}
