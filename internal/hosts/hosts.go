// Package hosts reaches the instances of a fleet, and reads what all of them run.
package hosts

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/growl-dev/deploy/remote"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

const (
	// lookTimeout bounds the look at one instance.
	lookTimeout = 30 * time.Second
	// mostLooks bounds how many instances are looked at at once: an Instance Connect endpoint carries twenty connections.
	mostLooks = 10
)

// Fleet is the instances of a fleet and how they are reached.
type Fleet struct {
	Instances []rollout.Instance
	// Dial is what all connections have in common.
	Dial remote.Config
	// Spec is the service's container.
	Spec docker.Spec
	// Login returns a login for the image registry. It is called for each pull, because a token lives 12 h.
	Login func(context.Context) (user, password string, err error)
	// Seal is the SHA-256 that the env file on each instance must have. Empty: it is not compared.
	Seal string
}

// Connect opens an instance for a run.
func (f *Fleet) Connect(ctx context.Context, i rollout.Instance) (rollout.Host, error) {
	host, err := f.open(ctx, i)
	if err != nil {
		return nil, err
	}
	return host, nil
}

// open opens an instance over a link that survives a lost connection.
func (f *Fleet) open(ctx context.Context, i rollout.Instance) (*docker.Host, error) {
	config := f.Dial
	config.Name, config.Address = i.ID, i.Address
	link, err := remote.NewLink(ctx, config, func(ctx context.Context, c *remote.Client) error {
		return docker.Identify(ctx, c, i.ID)
	})
	if err != nil {
		return nil, err
	}
	host, err := docker.Open(ctx, link, docker.Options{Spec: f.Spec, InstanceID: i.ID, Auth: f.Login, EnvSeal: f.Seal})
	if err != nil {
		return nil, errors.Join(err, link.Close())
	}
	return host, nil
}

// look opens each instance, a few at a time, and calls see with it or with what kept it from being opened.
func (f *Fleet) look(ctx context.Context, see func(ctx context.Context, at int, host *docker.Host, err error)) {
	slots := make(chan struct{}, mostLooks)
	var all sync.WaitGroup
	for at, i := range f.Instances {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(ctx, lookTimeout)
			defer cancel()
			host, err := f.open(ctx, i)
			if err == nil {
				defer host.Close()
			}
			see(ctx, at, host, err)
		})
	}
	all.Wait()
}

// Status looks at all instances. One that cannot be looked at has an Err.
func (f *Fleet) Status(ctx context.Context, health rollout.Health) []report.InstanceStatus {
	seen := make([]report.InstanceStatus, len(f.Instances))
	f.look(ctx, func(ctx context.Context, at int, host *docker.Host, err error) {
		i := f.Instances[at]
		s := report.InstanceStatus{Instance: i, Health: health.Of(i.ID), Err: err}
		if s.Err == nil {
			s.State, s.Err = host.Inspect(ctx)
		}
		if s.Err == nil {
			var described docker.Description
			described, s.Err = host.Describe(ctx)
			s.EnvSeal, s.Differs = described.EnvSeal, described.Differs
		}
		seen[at] = s
	})
	return seen
}

// Runs says what an instance runs, and whether that is the release.
func (f *Fleet) Runs(ctx context.Context, i rollout.Instance, release rollout.Release) (says string, same bool) {
	host, err := f.open(ctx, i)
	if err != nil {
		return "cannot be asked what it runs: " + err.Error(), false
	}
	defer host.Close()
	state, err := host.Inspect(ctx)
	switch {
	case err != nil:
		return "cannot be asked what it runs: " + err.Error(), false
	case !state.Running:
		return "runs nothing yet", false
	}
	return "runs " + state.Release.String(), state.Release.Digest() == release.Digest()
}
