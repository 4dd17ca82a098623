package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/growl-dev/deploy/rollout"
	"github.com/moby/moby/api/types/container"
)

// Polls while a container comes up: fast at first, because nothing listens
// meanwhile.
const (
	firstPoll = 20 * time.Millisecond
	lastPoll  = 250 * time.Millisecond
)

// Prove waits until the new container runs, is healthy where its image has a
// health check, answers 200 on the health path and names the release's commit.
// It fails at once when the container exits or another commit answers. The
// window is from the call that stopped the old container to the first good
// answer; zero when another process made that call.
func (h *Host) Prove(ctx context.Context, r rollout.Release) (time.Duration, error) {
	return h.swapper.prove(ctx, r)
}

func (s *swapper) prove(ctx context.Context, r rollout.Release) (time.Duration, error) {
	p := &proof{swapper: s, name: s.spec.Name, strict: true, commit: r.Commit, began: time.Now()}
	var err error
	if p.id, err = s.toProve(ctx, r); err != nil {
		return 0, err
	}
	if err := p.wait(ctx); err != nil {
		return 0, err
	}
	if s.stopSent.IsZero() {
		return 0, nil
	}
	return p.answered.Sub(s.stopSent), nil
}

// toProve is the ID of the release's container, which bears the service's name.
func (s *swapper) toProve(ctx context.Context, r rollout.Release) (string, error) {
	if s.made(r) {
		return s.created, nil
	}
	crew, err := s.look(ctx)
	if err != nil {
		return "", err
	}
	found := crew.named(s.spec.Name)
	if found == nil || found.Labels[s.spec.Label(LabelRelease)] != r.Digest() {
		return "", fmt.Errorf("%w: %s is not this release", ErrNotRunning, s.spec.Name)
	}
	return found.ID, nil
}

// proof is the wait for one container.
type proof struct {
	swapper  *swapper
	id, name string
	// commit is what must answer; the image's own when empty.
	commit string
	// strict wants the version path to answer; an old container may have none.
	strict bool
	// began is when the wait began, answered when the health path first answered.
	began, answered time.Time
	// restarts is how often the engine had restarted the container before; an old
	// one may have a past.
	restarts, checks int
}

// wait polls until the container is proven, is known to be bad, or ctx ends: then
// the last look that was not cut short says what was missing.
func (p *proof) wait(ctx context.Context) error {
	var last error
	for pause := firstPoll; ; pause = min(pause*3/2, lastPoll) {
		missing, err := p.check(ctx)
		switch {
		case err == nil && missing == nil:
			return nil
		case ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err())):
			return p.timedOut(ctx, cmp.Or(last, missing, err))
		case err != nil:
			return err
		}
		last = missing
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return p.timedOut(ctx, last)
		}
	}
}

// check checks the container once. missing is what is not there yet, err what will never be.
func (p *proof) check(ctx context.Context) (missing, err error) {
	missing = p.swapper.service.healthy(ctx)
	if missing == nil && p.answered.IsZero() {
		p.answered = time.Now()
	}
	found, err := p.swapper.engine.inspect(ctx, p.id)
	if err != nil {
		return nil, fmt.Errorf("inspect container %s: %w", p.name, err)
	}
	if p.checks++; p.checks == 1 && !p.strict {
		p.restarts = found.RestartCount
	}
	if stopped(found) || restarted(found, p.restarts) {
		return nil, p.swapper.logs.exited(ctx, found)
	}
	if missing != nil {
		return missing, nil
	}
	if health := found.State.Health; health != nil && health.Status != container.Healthy && health.Status != container.NoHealthcheck && health.Status != "" {
		return fmt.Errorf("the health check of its image reports %s", health.Status), nil
	}
	return p.checkCommit(ctx, found)
}

func (p *proof) checkCommit(ctx context.Context, found container.InspectResponse) (missing, err error) {
	if p.swapper.spec.VersionPath == "" {
		return nil, nil
	}
	if p.commit == "" {
		image, err := p.swapper.images.inspect(ctx, found.Image)
		if err != nil {
			return nil, fmt.Errorf("inspect image of %s: %w", p.name, err)
		}
		p.commit = image.commit()
	}
	if p.commit == "" {
		return nil, nil
	}
	answer, ok, err := p.swapper.service.version(ctx)
	switch {
	case err != nil:
		return err, nil
	case !ok && p.strict:
		return fmt.Errorf("GET %s does not answer %d with a JSON object: set VersionPath of the service's container to a path that does, or leave it empty", p.swapper.spec.VersionPath, http.StatusOK), nil
	case p.strict && answer.commit == "":
		return nil, fmt.Errorf("%w: %s has no field \"commit\", so nothing tells that %s runs: add it, or leave VersionPath of the service's container empty", ErrWrongCommit, p.swapper.spec.VersionPath, p.commit)
	case differ(answer.commit, p.commit):
		return nil, fmt.Errorf("%w: %s answers %.40q, not %s", ErrWrongCommit, p.swapper.spec.VersionPath, answer.commit, p.commit)
	}
	return nil, nil
}

// timedOut is the error of a proof whose time is over, or that was broken off. It has the container's last lines.
func (p *proof) timedOut(ctx context.Context, missing error) error {
	err := &unprovenError{container: p.name, ended: ctx.Err(), missing: missing}
	if deadline, ok := ctx.Deadline(); ok {
		err.limit = deadline.Sub(p.began)
	}
	looking, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer cancel()
	if found, inspected := p.swapper.engine.inspect(looking, p.id); inspected == nil {
		err.logs = p.swapper.logs.lastLines(looking, found)
	}
	return err
}
