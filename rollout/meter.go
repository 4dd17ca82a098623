package rollout

import (
	"context"
	"errors"
	"time"
)

// trafficMeter samples the connections of one instance.
type trafficMeter struct {
	service  Service // nil if there is no connection to the instance
	evidence evidence
	// endWatch ends the watch and waits for its last sample; nil: there is no watch.
	endWatch func()
}

var errUnreachable = errors.New("the instance cannot be reached")

// reset forgets the samples, because another container runs now.
func (m *trafficMeter) reset() { m.evidence = evidence{policy: m.evidence.policy} }

// look takes one sample, unless drains are fixed. Its time is bounded, because an instance that does not answer is no
// evidence. A sample that ended with ctx shows nothing.
func (m *trafficMeter) look(ctx context.Context) {
	if m.evidence.policy.Fixed {
		return
	}
	t, err := Traffic{}, errUnreachable
	if m.service != nil {
		limited, cancel := context.WithTimeout(ctx, max(time.Second, m.evidence.policy.Quiet))
		defer cancel()
		t, err = m.service.Traffic(limited)
	}
	if ctx.Err() == nil {
		m.evidence.observe(time.Now(), t, err)
	}
}

// watch samples the instance, which serves and is to leave next, until stop is called or ctx ends.
func (m *trafficMeter) watch(ctx context.Context) {
	if m.endWatch != nil || m.service == nil || m.evidence.policy.Fixed {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	m.endWatch = func() { cancel(); <-ended }
	go func() {
		defer close(ended)
		for m.look(ctx); sleep(ctx, m.evidence.pause(time.Now())) == nil; {
			m.look(ctx)
		}
	}()
}

// stop ends the watch. After it the meter is its caller's again.
func (m *trafficMeter) stop() {
	if m.endWatch != nil {
		m.endWatch()
		m.endWatch = nil
	}
}

// awaitArrival samples a new container until a client has opened a connection to it, for limit at most, and reports
// whether one has. One is enough, because only the load balancer sends any, and the service's own count includes no
// health checks. Connections from before the first sample are not counted, because they may have been meant for the old
// container. The error is that of ctx.
func (m *trafficMeter) awaitArrival(ctx context.Context, limit time.Duration) (bool, error) {
	m.reset()
	began := time.Now()
	for m.look(ctx); m.evidence.busy == 0 && time.Since(began) < limit; m.look(ctx) {
		if err := sleep(ctx, sampleInterval(m.evidence.policy.Quiet)); err != nil {
			return false, err
		}
	}
	return m.evidence.busy > 0, nil
}
