package rollout

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Run rolls the release across the fleet. The result is complete whatever
// happened; the error is nil exactly when every instance runs the release, and
// otherwise says why in one line. A cancelled ctx breaks the run off: nothing
// new begins, and the instances in flight are put back into service.
func Run(ctx context.Context, c Config) (Result, error) {
	r, err := newRun(c)
	if err := errors.Join(c.Release.Validate(), err); err != nil {
		return r.result(err), err
	}
	defer r.close()
	err = r.rollOut(ctx)
	if err != nil {
		r.eta.abandon()
	}
	if r.halted && r.Policy.Rollback {
		r.rollBack(ctx)
	}
	r.census(ctx)
	if err == nil {
		err = r.failure()
	}
	return r.result(err), err
}

// run is the state of one rollout.
type run struct {
	Config
	started time.Time
	watch   *watch
	report  *reporter
	eta     *eta // nil until the run was surveyed, and in recovery and replacement
	unknown *unknownTargets

	timing   []Timing
	floors   map[string]int
	passages []*passage
	canaries []*passage // of them: the first to be updated

	touched     atomic.Bool // a target was deregistered, or might have been
	interrupted bool
	healing     bool
	halted      bool
}

func newRun(c Config) (*run, error) {
	r := &run{Config: c, started: time.Now(), floors: map[string]int{}, report: &reporter{observe: c.Observe}, unknown: newUnknownTargets(c.Instances)}
	if r.ID == "" {
		r.ID = NewID(r.started)
	}
	if r.Journal == nil {
		r.Journal = noJournal{}
	}
	for _, i := range c.Instances {
		r.passages = append(r.passages, &passage{run: r, instance: i, release: c.Release, outcome: Pending})
	}
	if err := c.validate(); err != nil {
		return r, err
	}
	r.watch = newWatch(c.Balancer, c.Policy.Poll, c.jitter)
	return r, nil
}

// NewID names a run so that names sort by time.
func NewID(now time.Time) string {
	random := make([]byte, 2)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the program instead
	return now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(random)
}

// rollOut is the whole run: look, prepare all behind the gates, then batch by batch.
func (r *run) rollOut(ctx context.Context) error {
	if err := r.survey(ctx); err != nil {
		return err
	}
	r.eta = newETA(r.Policy, r.timing, len(r.batches()), r.report)
	if err := r.prepare(ctx); err != nil {
		return err
	}
	batches := r.batches()
	r.canaries = slices.Concat(batches...)[:min(r.Policy.Canary, len(r.pending()))]
	for i, batch := range batches {
		r.eta.enter(stageUpdating, len(batches)-i-1)
		turn := time.Now()
		if err := r.gauge(ctx, batch); err != nil {
			return r.brokenOff(ctx, err)
		}
		if err := r.reserve(ctx, batch); err != nil {
			return r.outOfCapacity(ctx, err)
		}
		if i > 0 { // the first waits for nobody that this run put back
			r.eta.gathered(time.Since(turn))
		}
		r.each(batch, func(p *passage) { r.take(ctx, p) })
		if err := r.verdict(ctx); err != nil {
			return err
		}
		if i+1 < len(batches) {
			r.each(batches[i+1], func(p *passage) { p.sampleBaseline(ctx) })
		}
		if err := r.bake(ctx, batch, len(batches)-i-1); err != nil {
			return r.brokenOff(ctx, err)
		}
	}
	return nil
}

// gauge measures how busy the instances of a batch are shortly before they leave:
// the first while the images are pulled, each other since the batch before it came
// back, unless that is long ago, as after a bake: what was so an hour ago, or while
// others were out, proves nothing.
func (r *run) gauge(ctx context.Context, batch []*passage) error {
	old := max(r.Policy.Drain.Lag, 4*r.Policy.Drain.Quiet)
	r.each(batch, func(p *passage) {
		stale := time.Since(p.baselineAt) > old
		if stale {
			p.sampleBaseline(ctx)
		}
		if stale || !p.soon {
			_, _ = p.awaitRate(ctx) // a rate that is not known only lengthens the drain
		}
	})
	return context.Cause(ctx)
}

// outOfCapacity is a halt once an instance was taken out: what runs there now may be
// what the capacity was lost by.
func (r *run) outOfCapacity(ctx context.Context, err error) error {
	if _, lacks := errors.AsType[*lackError](err); !lacks || ctx.Err() != nil || !r.touched.Load() {
		return r.brokenOff(ctx, err)
	}
	r.halted = true
	return fmt.Errorf("halted: %w", err)
}

// take walks one prepared instance through the rest of the table. One that is
// updated needs no connection any more, unless the fleet may go back.
func (r *run) take(ctx context.Context, p *passage) {
	p.walk(ctx, life, 0)
	if p.outcome == Updated && !r.Policy.Rollback {
		p.part()
	}
	p.emit(Event{Kind: InstanceEnded, Detail: string(p.outcome), Err: p.err})
}

// prepare readies all instances at once while the gates are asked. What fails
// here was not touched. A gate that refuses ends the pulls.
func (r *run) prepare(ctx context.Context) error {
	pulling, stop := context.WithCancel(ctx)
	defer stop()
	gated := make(chan error, 1)
	go func() {
		err := checkGates(ctx, r.Gates, "gate", r.report)
		if err != nil {
			stop()
		}
		gated <- err
	}()
	r.eta.announce()
	if batches := r.batches(); len(batches) > 0 {
		for _, p := range batches[0] {
			p.soon = true
		}
	}
	r.each(r.pending(), func(p *passage) {
		if err := p.step(pulling, table[0]); err != nil && pulling.Err() == nil {
			p.err = fmt.Errorf("%s: %w", StepPrepare, err)
		}
	})
	if err := errors.Join(<-gated, context.Cause(ctx)); err != nil {
		return r.brokenOff(ctx, err)
	}
	return r.prepared(ctx)
}

// prepared decides, when every instance was prepared or checked, whether the run may begin.
func (r *run) prepared(ctx context.Context) error {
	if err := r.failure(); errors.Is(err, ErrRefuse) {
		return err
	}
	if r.failed() > 0 && len(r.pending()) == 0 {
		return fmt.Errorf("no instance can be updated: %w", r.failure())
	}
	return r.verdict(ctx)
}

// verdict decides after each batch whether the run goes on.
func (r *run) verdict(ctx context.Context) error {
	switch {
	case ctx.Err() != nil && r.unfinished():
		return r.brokenOff(ctx, context.Cause(ctx))
	case slices.ContainsFunc(r.passages, func(p *passage) bool { return p.outcome == Lost }):
		return fmt.Errorf("halted, an instance is out of service: %w", r.failure())
	case slices.ContainsFunc(r.canaries, (*passage).failed):
		r.halted = true
		return fmt.Errorf("halted, a canary failed: %w", r.failure())
	case r.failed() > r.Policy.Failures:
		r.halted = true
		return fmt.Errorf("halted after %d failed instances: %w", r.failed(), r.failure())
	}
	return nil
}

// unfinished reports whether something is left that a signal kept from happening.
func (r *run) unfinished() bool {
	return slices.ContainsFunc(r.passages, func(p *passage) bool {
		return p.outcome == Pending || p.outcome == Restored || p.err != nil
	})
}

// brokenOff notes that a signal, and nothing else, ended the run.
func (r *run) brokenOff(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	r.interrupted = true
	return fmt.Errorf("broken off: %w", context.Cause(ctx))
}

// pending are the instances that the run still has to take through the table.
func (r *run) pending() []*passage {
	var pending []*passage
	for _, p := range r.passages {
		if p.outcome == Pending && p.err == nil {
			pending = append(pending, p)
		}
	}
	return pending
}

// each runs act for several passages at once, at most Policy.Parallel of those
// that are not in a batch together.
func (r *run) each(passages []*passage, act func(*passage)) {
	limit := make(chan struct{}, max(r.Policy.Parallel, r.Policy.Batch.Of(len(r.Instances))))
	var wg sync.WaitGroup
	for _, p := range passages {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			act(p)
		})
	}
	wg.Wait()
}

// failed counts the instances whose update failed.
func (r *run) failed() int {
	n := 0
	for _, p := range r.passages {
		n += btoi(p.failed())
	}
	return n
}

// failed reports whether the instance's update failed.
func (p *passage) failed() bool { return p.err != nil && p.outcome != Updated }

// failure joins what failed, each with its instance; nil when nothing did.
func (r *run) failure() error {
	var errs []error
	for _, p := range r.passages {
		if p.failed() {
			errs = append(errs, fmt.Errorf("%s: %w", p.instance.ID, p.err))
		}
	}
	return errors.Join(errs...)
}

// close ends the connections to all instances. A failing close loses nothing.
func (r *run) close() {
	r.watch.end()
	for _, p := range r.passages {
		p.part()
	}
}

func ids(passages []*passage) []string {
	names := make([]string, len(passages))
	for i, p := range passages {
		names[i] = p.instance.ID
	}
	return names
}
