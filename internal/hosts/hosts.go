// Package hosts connects to the instances of a fleet, and reads the release that each runs.
package hosts

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/growl-dev/deploy/remote"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/report"
	"github.com/growl-dev/deploy/rollout"
)

const (
	// readTimeout bounds the time to read one instance.
	readTimeout = 30 * time.Second
	// readsAtOnce bounds the number of instances that are read at the same time.
	readsAtOnce = 10
)

// Fleet holds the instances of a fleet and the way to reach them.
type Fleet struct {
	Instances []rollout.Instance
	// Dial is the configuration that all connections share.
	Dial remote.Config
	// Spec is the service's container.
	Spec docker.Spec
	// Login returns a login for the image registry. It is called for each pull, because a token expires after 12 h.
	Login func(context.Context) (user, password string, err error)
	// Seal is the SHA-256 that the env file on each instance must have. Empty: it is not compared.
	Seal string
	// Remarks are about the files that the connections are made by, such as a line of known_hosts that was skipped.
	Remarks []string

	shared remote.Shared
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
	config.Name, config.Address, config.Shared = i.ID, i.Address, &f.shared
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

// each opens each instance, a few at a time, and calls read with it, or with the error of opening it.
func (f *Fleet) each(ctx context.Context, read func(ctx context.Context, at int, host *docker.Host, err error)) {
	slots := make(chan struct{}, readsAtOnce)
	var all sync.WaitGroup
	for at, i := range f.Instances {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(ctx, readTimeout)
			defer cancel()
			host, err := f.open(ctx, i)
			if err == nil {
				defer host.Close()
			}
			read(ctx, at, host, err)
		})
	}
	all.Wait()
}

// Status reads all instances. One that cannot be read has an Err.
func (f *Fleet) Status(ctx context.Context, health rollout.Health) []report.InstanceStatus {
	seen := make([]report.InstanceStatus, len(f.Instances))
	f.each(ctx, func(ctx context.Context, at int, host *docker.Host, err error) {
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

// inspect inspects all instances. It returns a state and an error for each.
func (f *Fleet) inspect(ctx context.Context) ([]rollout.State, []error) {
	states := make([]rollout.State, len(f.Instances))
	errs := make([]error, len(f.Instances))
	f.each(ctx, func(ctx context.Context, at int, host *docker.Host, err error) {
		if errs[at] = err; err == nil {
			states[at], errs[at] = host.Inspect(ctx)
		}
	})
	return states, errs
}

// Present returns a function that reports whether every instance runs a digest; nil if they run several images, or if one
// of them runs nothing or cannot be read.
func (f *Fleet) Present(ctx context.Context) func(digest string) bool {
	states, errs := f.inspect(ctx)
	for at, s := range states {
		one := s.Release == states[0].Release || states[0].Runs(s.Release.Digest()) || s.Runs(states[0].Release.Digest())
		if errs[at] != nil || !s.Running || !one {
			return nil
		}
	}
	return func(digest string) bool {
		return slices.ContainsFunc(states, func(s rollout.State) bool { return s.Runs(digest) })
	}
}

// Runs returns a description of the release that an instance runs, and whether it is the given one.
func (f *Fleet) Runs(ctx context.Context, i rollout.Instance, release rollout.Release) (text string, same bool) {
	host, err := f.open(ctx, i)
	if err != nil {
		return "cannot be read: " + err.Error(), false
	}
	defer host.Close()
	state, err := host.Inspect(ctx)
	switch {
	case err != nil:
		return "cannot be read: " + err.Error(), false
	case !state.Running:
		return "runs nothing yet", false
	}
	return "runs " + state.Release.String(), state.Runs(release.Digest())
}
