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

// The interval between two checks of a container that comes up. It is short at first, because nothing listens meanwhile.
const (
	firstPoll = 20 * time.Millisecond
	lastPoll  = 250 * time.Millisecond
)

// Prove waits until the new container runs, is healthy if its image has a health check, answers 200 on the health path and
// names the release's commit. It fails at once if the container exits or another commit answers. It returns the time from
// the call that stopped the old container to the first good answer; zero if another process made that call.
func (h *Host) Prove(ctx context.Context, r rollout.Release) (time.Duration, error) {
	return h.swapper.prove(ctx, r)
}

func (s *swapper) prove(ctx context.Context, r rollout.Release) (time.Duration, error) {
	p := &proof{swapper: s, name: s.spec.Name, service: s.service, commit: r.Commit, began: time.Now()}
	var err error
	if p.id, err = s.findNew(ctx, r); err != nil {
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

// findNew returns the ID of the release's container, which has the service's name.
func (s *swapper) findNew(ctx context.Context, r rollout.Release) (string, error) {
	if s.createdHere(r) {
		return s.created, nil
	}
	list, err := s.listContainers(ctx)
	if err != nil {
		return "", err
	}
	found := list.named(s.spec.Name)
	if found == nil || found.Labels[s.spec.Label(LabelRelease)] != r.Digest() {
		return "", fmt.Errorf("%w: %s is not this release", ErrNotRunning, s.spec.Name)
	}
	return found.ID, nil
}

// proof is the wait for one container.
type proof struct {
	swapper  *swapper
	id, name string
	service  service
	// commit is the one that must answer; empty: the image's own.
	commit string
	// before is what an old container showed before it was stopped; empty for a new one, which has to be healthy.
	before evidence
	// began is when the wait began, and answered when the health path first answered.
	began, answered time.Time
	// restarts is how often the engine had restarted the container before the first check. An old one may have been
	// restarted.
	restarts, checks int
}

// wait checks the container until it is proven, is known to be bad, or ctx ends. In the last case the error has what was
// missing at the last check that was not cut short.
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
	missing = p.service.shows(ctx, p.before)
	if missing == nil && p.answered.IsZero() {
		p.answered = time.Now()
	}
	found, err := p.swapper.engine.inspect(ctx, p.id)
	if err != nil {
		return nil, fmt.Errorf("inspect container %s: %w", p.name, err)
	}
	if p.checks++; p.checks == 1 && p.before != "" {
		p.restarts = found.RestartCount
	}
	if stopped(found) || restarted(found, p.restarts) {
		return nil, p.swapper.logs.exited(ctx, found)
	}
	if missing != nil || p.before != "" {
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
	answer, ok, err := p.service.version(ctx)
	switch {
	case err != nil:
		return err, nil
	case !ok:
		return fmt.Errorf("GET %s does not answer %d with a JSON object: set VersionPath of the service's container to a path that does, or leave it empty", p.swapper.spec.VersionPath, http.StatusOK), nil
	case answer.commit == "":
		return nil, fmt.Errorf("%w: %s has no field \"commit\", so nothing tells that %s runs: add it, or leave VersionPath of the service's container empty", ErrWrongCommit, p.swapper.spec.VersionPath, p.commit)
	case differ(answer.commit, p.commit):
		return nil, fmt.Errorf("%w: %s answers %.40q, not %s", ErrWrongCommit, p.swapper.spec.VersionPath, answer.commit, p.commit)
	}
	return nil, nil
}

// timedOut returns the error of a proof whose time is over, or that was broken off, with the container's last lines.
func (p *proof) timedOut(ctx context.Context, missing error) error {
	err := &unprovenError{container: p.name, ended: ctx.Err(), missing: missing}
	if deadline, ok := ctx.Deadline(); ok {
		err.limit = deadline.Sub(p.began)
	}
	looking, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer cancel()
	if found, inspected := p.swapper.engine.inspect(looking, p.id); inspected == nil {
		err.logs = append(p.swapper.logs.lastLines(looking, found), p.swapper.logs.healthOutput(looking, found)...)
	}
	return err
}
