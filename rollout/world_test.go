package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// world is a fleet behind a load balancer that lies as the real one does: a
// deregistered target goes on getting new connections for routingLag, and a
// registered one gets them only after registrationLag. It lives in a synctest
// bubble and keeps real state, so that a test can ask how things ended.
type world struct {
	t  *testing.T
	mu sync.Mutex

	machines map[string]*machine
	order    []string
	targets  map[Target]*membership
	timing   []Timing

	// clients is how many connections a second the whole service gets.
	clients float64
	failed  int
	unmet   float64 // seconds in which nobody was routed to
	asked   []int   // for how many targets, each time; 0 for all

	faults map[string]fault
	links  map[string]int // open connections to an instance
	dead   bool           // the process that acts was killed
}

const (
	groupA          = "arn:aws:elasticloadbalancing:us-west-1:1:targetgroup/a/1"
	groupB          = "arn:aws:elasticloadbalancing:us-west-1:1:targetgroup/b/2"
	routingLag      = 118 * time.Second
	registrationLag = 90 * time.Second
)

// membership is one registration, or what is left of it while it drains.
type membership struct {
	since    time.Time
	draining time.Time // zero: registered
	seen     bool      // it was up since it was registered, so it may be routed to
}

// machine is an instance and the containers on it.
type machine struct {
	id       string
	zone     string
	running  string // digest of the container that listens; "" when none does
	alias    string // another digest of the image that runs; the container was started by a tag
	foreign  bool   // something that is no container of the service's serves
	unproven string // why what runs could not be proven, if it were put back
	kept     string // digest of the stopped old container
	created  bool   // the new container stands ready
	told     bool   // the running service sends its clients away
	opened   uint64
	open     int
	source   Source
	share    float64
	grace    time.Duration // how long the old container takes to stop
	asked    chan struct{} // its stop was asked for; closed when it has stopped
	settled  int
	pulled   bool
	healthOK bool // the load balancer's checks succeed for the new release
}

// fault is what one call of a port does instead of working.
type fault struct {
	err   error         // answered
	acts  bool          // the act is done all the same: its answer is lost
	hangs bool          // until the caller gives up
	late  time.Duration // done that long after the caller got its error
	times int           // how many calls; 0: all
}

var (
	oldDigest = "sha256:" + fmt.Sprintf("%064d", 1)
	newDigest = "sha256:" + fmt.Sprintf("%064d", 2)
	errFault  = errors.New("injected")
)

func newWorld(t *testing.T, instances int) *world {
	w := &world{t: t, machines: map[string]*machine{}, targets: map[Target]*membership{}, faults: map[string]fault{}, links: map[string]int{}, clients: 60}
	w.timing = []Timing{{Group: groupA, Port: 8080, CrossZone: true}, {Group: groupB, Port: 9090, CrossZone: true}}
	long := time.Now().Add(-time.Hour)
	for i := range instances {
		id := fmt.Sprintf("i-%d", i+1)
		w.order = append(w.order, id)
		w.machines[id] = &machine{id: id, zone: string(rune('a' + i%2)), running: oldDigest, source: ServiceCount, healthOK: true}
		w.targets[Target{groupA, id, 8080}] = &membership{since: long}
		w.targets[Target{groupB, id, 9090}] = &membership{since: long}
	}
	return w
}

// leaveGroupB makes it a fleet of one target group.
func (w *world) leaveGroupB() {
	w.timing = w.timing[:1]
	maps.DeleteFunc(w.targets, func(t Target, _ *membership) bool { return t.Group == groupB })
}

func (w *world) config() Config {
	c := Config{
		Environment: "test", ID: "run-1", Policy: DefaultPolicy(), Balancer: w, Journal: &memoryJournal{}, stopwatch: monotonic,
		Release: Release{Image: "repo/app@" + newDigest, Tag: "v2"},
		Connect: func(ctx context.Context, i Instance) (Host, error) {
			return &fakeHost{w, w.machines[i.ID]}, w.call(ctx, "connect/"+i.ID, func() { w.links[i.ID]++ })
		},
	}
	for _, id := range w.order {
		c.Instances = append(c.Instances, Instance{ID: id, Zone: w.machines[id].zone, Address: id})
	}
	return c
}

// run runs in the bubble, with clients that connect every 400 ms.
func (w *world) run(ctx context.Context, c Config) (Result, error) {
	return w.do(func() (Result, error) { return Run(ctx, c) })
}

func (w *world) do(what func() (Result, error)) (Result, error) {
	clients, stop := context.WithCancel(context.Background())
	var traffic sync.WaitGroup
	traffic.Go(func() { w.serve(clients) })
	result, err := what()
	stop()
	traffic.Wait()
	synctest.Wait()
	return result, err
}

const beat = 400 * time.Millisecond

func (w *world) serve(ctx context.Context) {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			w.connect()
		case <-ctx.Done():
			return
		}
	}
}

// connect spreads the clients' connections over whoever is routed to.
func (w *world) connect() {
	w.mu.Lock()
	defer w.mu.Unlock()
	routed := w.routed()
	if len(routed) == 0 {
		w.unmet += beat.Seconds()
	}
	for _, id := range routed {
		m := w.machines[id]
		m.share += w.clients * beat.Seconds() / float64(len(routed))
		n := int(m.share)
		m.share -= float64(n)
		if m.running == "" && !m.foreign {
			w.failed += n
			continue
		}
		m.opened += uint64(n)
	}
}

// routed are the instances that get new connections, right now.
func (w *world) routed() []string {
	ids := map[string]bool{}
	for target, m := range w.targets {
		machine := w.machines[target.Instance]
		m.seen = m.seen || machine.running != "" || machine.foreign
		if !m.seen {
			continue
		}
		if m.draining.IsZero() && time.Since(m.since) >= registrationLag || !m.draining.IsZero() && time.Since(m.draining) < routingLag {
			ids[target.Instance] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

// call is every port call: it works, or does what the fault of that name says.
func (w *world) call(ctx context.Context, name string, act func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := CheckAct(ctx); err != nil {
		return err
	}
	w.mu.Lock()
	if w.dead {
		w.mu.Unlock()
		return errKilled
	}
	f, faulty := w.faults[name]
	if f.times == 1 {
		delete(w.faults, name)
	} else if f.times > 1 {
		f.times--
		w.faults[name] = f
	}
	w.mu.Unlock()
	switch {
	case !faulty:
		w.mu.Lock()
		defer w.mu.Unlock()
		act()
		return nil
	case f.hangs:
		<-ctx.Done()
	case f.acts:
		w.mu.Lock()
		defer w.mu.Unlock()
		act()
	}
	if f.late > 0 {
		time.AfterFunc(f.late, func() { w.mu.Lock(); act(); w.mu.Unlock() })
	}
	if f.err == nil {
		return ctx.Err()
	}
	return f.err
}

func (w *world) Register(ctx context.Context, targets []Target) error {
	return w.call(ctx, "register/"+targets[0].Instance, func() {
		for _, target := range targets {
			if m := w.targets[target]; m == nil || !m.draining.IsZero() {
				w.targets[target] = &membership{since: time.Now()}
			}
		}
	})
}

func (w *world) Deregister(ctx context.Context, targets []Target) error {
	return w.call(ctx, "deregister/"+targets[0].Instance, func() {
		for _, target := range targets {
			if m := w.targets[target]; m != nil && m.draining.IsZero() {
				m.draining = time.Now()
			}
		}
	})
}

func (w *world) Health(ctx context.Context, of ...Target) (health Health, err error) {
	err = w.call(ctx, "health", func() {
		w.asked = append(w.asked, len(of))
		for target, m := range w.targets {
			health = append(health, w.state(target, m))
		}
		health = narrow(health, of)
	})
	return health, err
}

// narrow leaves nothing but what was asked for: all where none is named.
func narrow(health Health, of []Target) Health {
	if len(of) == 0 {
		return health
	}
	return slices.DeleteFunc(health, func(h TargetHealth) bool { return !slices.Contains(of, h.Target) })
}

func (w *world) state(target Target, m *membership) TargetHealth {
	machine := w.machines[target.Instance]
	h := TargetHealth{Target: target, State: TargetHealthy}
	switch {
	case !m.draining.IsZero():
		h.State, h.Reason = TargetDraining, "Target.DeregistrationInProgress"
	case time.Since(m.since) < 50*time.Second:
		h.State, h.Reason = TargetInitial, "Elb.InitialHealthChecking"
	case machine.running == "" && !machine.foreign || machine.running == newDigest && !machine.healthOK:
		h.State, h.Reason = TargetUnhealthy, "Target.FailedHealthChecks"
	}
	return h
}

func (w *world) Timing(ctx context.Context) ([]Timing, error) {
	return w.timing, w.call(ctx, "timing", func() {})
}

// fakeHost is a machine as the engine sees it.
type fakeHost struct {
	w *world
	m *machine
}

func (h *fakeHost) call(ctx context.Context, name string, act func()) error {
	require.True(h.w.t, !changing[name] || ctx.Value(fenceKey{}) != nil, "%s is called without a fence", name)
	return h.w.call(ctx, name+"/"+h.m.id, act)
}

func (h *fakeHost) Inspect(ctx context.Context) (s State, err error) {
	err = h.call(ctx, "inspect", func() {
		s = State{InstanceID: h.m.id, Running: h.m.running != "", Unproven: h.m.unproven, Release: Release{Image: "repo/app@" + h.m.running}}
		if h.m.alias != "" {
			s.SameImage = []string{h.m.alias}
		}
		switch found := cmp.Or(h.m.running, h.m.kept); found {
		case "":
			s.Missing = "there is no container app"
		default:
			s.Container = "container of " + found
		}
	})
	return s, err
}

func (h *fakeHost) Check(ctx context.Context, _ Release) error {
	return h.call(ctx, "check", func() {})
}

func (h *fakeHost) Prepare(ctx context.Context, _ Release, progress func(Progress)) error {
	progress(Progress{1, 2})
	return h.call(ctx, "prepare", func() { h.m.pulled = true })
}

func (h *fakeHost) Drain(ctx context.Context) error {
	return h.call(ctx, "drain", func() { h.m.told = true })
}

func (h *fakeHost) Undrain(ctx context.Context) error {
	return h.call(ctx, "undrain", func() { h.m.told = false })
}

func (h *fakeHost) Traffic(ctx context.Context) (t Traffic, err error) {
	err = h.call(ctx, "traffic", func() {
		t = Traffic{Open: h.m.open, Opened: h.m.opened, Source: h.m.source}
	})
	return t, err
}

// Stop asks the old container to stop, which then takes its grace, whether the
// caller waits or not.
func (h *fakeHost) Stop(ctx context.Context, _ Release) error {
	var stopped chan struct{}
	err := h.call(ctx, "stop", func() {
		require.True(h.w.t, h.m.pulled, "%s: stopped before the release was pulled", h.m.id)
		stopped = make(chan struct{})
		h.m.asked, h.m.created = stopped, true
		time.AfterFunc(h.m.grace, h.stopped)
	})
	if err != nil {
		return err
	}
	select {
	case <-stopped:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *fakeHost) stopped() {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	h.m.running, h.m.kept, h.m.told = "", cmp.Or(h.m.running, h.m.kept), false
	close(h.m.asked)
}

func (h *fakeHost) Start(ctx context.Context, r Release) error {
	time.Sleep(time.Second) // in the bubble: a swap is never instant
	return h.call(ctx, "start", func() {
		require.True(h.w.t, h.m.created, "%s: started before it was created", h.m.id)
		h.m.running, h.m.created, h.m.opened, h.m.told = r.Digest(), false, 0, false
	})
}

func (h *fakeHost) Prove(ctx context.Context, r Release) (time.Duration, error) {
	err := h.call(ctx, "prove", func() { require.Equal(h.w.t, r.Digest(), h.m.running) })
	return 300 * time.Millisecond, err
}

// Revert waits for a stop that was asked for, as a host must: a container that
// is about to stop is not running.
func (h *fakeHost) Revert(ctx context.Context) error {
	h.w.mu.Lock()
	asked := h.m.asked
	h.w.mu.Unlock()
	if asked != nil {
		select {
		case <-asked:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return h.call(ctx, "revert", func() {
		if h.m.kept != "" {
			h.m.running, h.m.kept, h.m.opened = h.m.kept, "", 0
		}
		h.m.created, h.m.told, h.m.asked = false, false, nil
	})
}

func (h *fakeHost) Settle(ctx context.Context) ([]string, error) {
	return []string{"web@sha256:0123"}, h.call(ctx, "settle", func() { h.m.kept = ""; h.m.settled++ })
}

func (h *fakeHost) Close() error {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	h.w.links[h.m.id]--
	return nil
}

// requireServing checks what must be true of an instance after any run: it is
// registered with every port it had and runs the digest.
func (w *world) requireServing(id, digest string) {
	w.t.Helper()
	m := w.machines[id]
	require.Equal(w.t, digest, m.running, "%s runs", id)
	require.False(w.t, m.told, "%s still sends its clients away", id)
	require.False(w.t, m.created, "%s has a container left over", id)
	for _, target := range []Target{{groupA, id, 8080}, {groupB, id, 9090}} {
		require.NotNil(w.t, w.targets[target], "%s in %s", id, target.Group)
		require.Zero(w.t, w.targets[target].draining, "%s drains in %s", id, target.Group)
	}
}
