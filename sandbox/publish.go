package sandbox

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/growl-dev/deploy/sandbox/internal/registry"
	"github.com/growl-dev/deploy/sandbox/internal/standin"
)

// slowStartAt is the time until a slow release listens, before it is divided by the factor. It is a third of the time that
// the default policy gives a release to prove itself.
const slowStartAt = 20 * time.Second

// publisher makes releases of the service and pushes them to the registry. Its methods may be called concurrently once
// publish has returned.
type publisher struct {
	opts       Options
	dir        string // for the files of a compilation
	registry   *registry.Registry
	repository string
	program    []byte // of the service; empty if it has none or the instances are hollow

	mu      sync.Mutex
	standIn []byte // the stand-in's program; empty until it is compiled
}

// publish compiles the service and pushes releases v1 and v2. It returns the image ID of v1.
func (p *publisher) publish(ctx context.Context, v1, v2 string) (id string, err error) {
	if err := p.buildProgram(ctx); err != nil {
		return "", err
	}
	if id, err = p.publishOne(ctx, v1); err != nil {
		return "", err
	}
	_, err = p.publishOne(ctx, v2, "latest")
	return id, err
}

// publishOne pushes a release under its commit and other tags, and returns its image ID.
func (p *publisher) publishOne(ctx context.Context, commit string, tags ...string) (id string, err error) {
	r, err := p.release(ctx, commit)
	if err != nil {
		return "", err
	}
	return p.push(ctx, r, append([]string{commit}, tags...)...)
}

// buildProgram compiles the service, if it has a program and a process.
func (p *publisher) buildProgram(ctx context.Context) (err error) {
	if p.opts.Hollow || p.opts.Service.Program == "" {
		return nil
	}
	if p.program, err = buildService(ctx, p.opts.Service, p.dir); err != nil {
		return err
	}
	p.opts.Logf("compiled %s: %d bytes", p.opts.Service.Name, len(p.program))
	return nil
}

// release returns a release without a fault.
func (p *publisher) release(ctx context.Context, commit string) (release, error) {
	service := p.opts.Service
	r := release{
		commit: commit, service: service, standIn: service.standIn(),
		files:   map[string][]byte{},
		created: time.Now().UTC().Truncate(time.Second),
		check:   time.Duration(float64(service.HealthCheck) / p.opts.Factor),
	}
	if p.program != nil {
		r.entrypoint = "/" + service.Name
		r.files[r.entrypoint] = p.program
	} else {
		r.entrypoint = helper
	}
	if r.entrypoint == helper || r.check > 0 {
		return r, p.addHelper(ctx, &r)
	}
	return r, nil
}

// pushFaulty pushes another image as this release, which runs a stand-in with a fault.
func (p *publisher) pushFaulty(ctx context.Context, commit string, fault standin.Fault) error {
	r, err := p.release(ctx, commit)
	if err == nil {
		err = p.addHelper(ctx, &r)
	}
	if err != nil {
		return err
	}
	if r.entrypoint != helper {
		r.standIn.Program = ".." + r.entrypoint
	}
	r.entrypoint, r.standIn.Fault = helper, fault
	r.standIn.Delay = time.Duration(float64(slowStartAt) / p.opts.Factor)
	_, err = p.push(ctx, r, commit, "latest")
	return err
}

// addHelper adds the stand-in's program to the release.
func (p *publisher) addHelper(ctx context.Context, r *release) error {
	program, err := p.standInProgram(ctx)
	if err != nil {
		return err
	}
	r.files[helper] = program
	return nil
}

// standInProgram returns the program of the stand-in, which it compiles once. In a hollow environment it is
// a sentence, because nothing runs there.
func (p *publisher) standInProgram(ctx context.Context) ([]byte, error) {
	if p.opts.Hollow {
		return []byte("the sandbox answers for this program\n"), nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.standIn != nil {
		return p.standIn, nil
	}
	program, err := buildStandIn(ctx, p.dir)
	if err != nil {
		return nil, err
	}
	p.opts.Logf("compiled the stand-in: %d bytes", len(program))
	p.standIn = program
	return program, nil
}

// push makes a release's image, pushes it to the registry under these tags and returns its image ID.
func (p *publisher) push(ctx context.Context, r release, tags ...string) (id string, err error) {
	image, err := r.image()
	if err != nil {
		return "", err
	}
	token, _ := p.registry.Issue(nil)
	options := []remote.Option{
		remote.WithContext(ctx),
		remote.WithAuth(&authn.Basic{Username: "AWS", Password: token}),
	}
	for _, tag := range tags {
		ref, err := name.NewTag(p.repository + ":" + tag)
		if err != nil {
			return "", fmt.Errorf("push tag %s: %w", tag, err)
		}
		// Only the first write uploads the blobs.
		if err := remote.Write(ref, image, options...); err != nil {
			return "", fmt.Errorf("push tag %s: %w", tag, err)
		}
		p.opts.Logf("pushed %s", ref)
	}
	config, err := image.ConfigName()
	if err != nil {
		return "", fmt.Errorf("push image of %s: %w", r.commit, err)
	}
	return config.String(), nil
}
