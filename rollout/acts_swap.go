package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// retryPause is the time between two tries to put an old container back.
const retryPause = 2 * time.Second

// prepare pulls the release, and measures the rate of an instance that leaves soon.
func (p *passage) prepare(ctx context.Context) (string, error) {
	if p.soon {
		p.sampleBaseline(ctx)
	}
	err := p.host.Prepare(ctx, p.release, func(moved Progress) {
		p.emit(Event{Step: StepPrepare, Kind: StepMoved, Progress: &moved})
	})
	if err != nil || !p.soon {
		return "", err
	}
	return p.awaitRate(ctx)
}

func (p *passage) sampleBaseline(ctx context.Context) {
	if p.run.Policy.Drain.Fixed || !p.before.Running {
		return
	}
	t, err := p.traffic(ctx)
	if err != nil || t.Source == Uncounted {
		return
	}
	p.baseline, p.baselineAt = t, time.Now()
}

// awaitRate watches the instance for the quiet period at most, so that a busy
// one may drain on evidence. All of a batch are watched at once, while they serve.
func (p *passage) awaitRate(ctx context.Context) (string, error) {
	if p.baselineAt.IsZero() {
		return p.rate.String(), nil
	}
	quiet := p.run.Policy.Drain.Quiet
	for !p.gauge(ctx) && time.Since(p.baselineAt) < quiet {
		if err := sleep(ctx, min(p.untilProven(), quiet-time.Since(p.baselineAt))); err != nil {
			return "", err
		}
	}
	return p.rate.String(), nil
}

// untilProven is when to look again: when the rate seen so far will have brought
// proof connections. Where it brought none the second look is soon, the third the
// last.
func (p *passage) untilProven() time.Duration {
	quiet, elapsed := p.run.Policy.Drain.Quiet, time.Since(p.baselineAt)
	switch {
	case p.rate.perSecond > 0:
		needed := min(proof/p.rate.perSecond, quiet.Seconds()) // more is not waited for
		return max(sampleInterval(quiet), time.Duration(needed*float64(time.Second))-elapsed)
	case elapsed < sampleInterval(quiet):
		return sampleInterval(quiet)
	default:
		return quiet
	}
}

func (p *passage) stop(ctx context.Context) (string, error) {
	p.running = ""
	return "", act(ctx, func(ctx context.Context) error { return p.host.Stop(ctx, p.release) })
}

func (p *passage) start(ctx context.Context) (string, error) {
	return "", act(ctx, func(ctx context.Context) error { return p.host.Start(ctx, p.release) })
}

// prove changes nothing, so a run that is broken off need not wait for it.
func (p *passage) prove(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, p.run.Policy.Prove)
	defer cancel()
	window, err := p.host.Prove(ctx, p.release)
	if err != nil {
		return "", err
	}
	p.running = p.release.Digest()
	return fmt.Sprintf("nothing listened for %s", window.Round(time.Millisecond)), nil
}

// revert is the compensation of the whole swap: the old container is back and
// proven. Stop, start and proof share its time, and so do further tries: an
// instance that cannot be reached just now may well be a moment later.
func (p *passage) revert(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ActTimeout+p.run.Policy.Prove)
	defer cancel()
	p.running = ""
	for {
		err := p.host.Revert(ctx)
		if err == nil {
			break
		}
		p.moved(StepStop, "trying again: "+oneLine(err))
		if sleep(ctx, retryPause) != nil {
			return "", err
		}
		if unfenced := p.journal(ctx, StepStop, Undoing, nil); unfenced != nil {
			return "", errors.Join(err, fmt.Errorf("%w: %w", errNoIntent, unfenced))
		}
		if ctx.Err() != nil {
			return "", err
		}
	}
	p.running = p.before.Release.Digest()
	return fmt.Sprintf("%s runs again", p.before.Release), nil
}

// settle is never fatal: the instance is in service already.
func (p *passage) settle(ctx context.Context) (string, error) {
	if err := act(ctx, p.host.Settle); err != nil {
		p.remark(StepSettle, "%s", oneLine(err))
	}
	return "", nil
}
