package sandbox

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/errgroup"

	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/internal/iam"
	"github.com/growl-dev/deploy/internal/oneline"
	"github.com/growl-dev/deploy/rollout"
	"github.com/growl-dev/deploy/sandbox/internal/awsapi"
	"github.com/growl-dev/deploy/sandbox/internal/balancer"
	"github.com/growl-dev/deploy/sandbox/internal/registry"
	"github.com/growl-dev/deploy/sandbox/internal/s3api"
)

// userName is who logs in to the instances.
const userName = "ec2-user"

// Environment is a whole environment, with release V1 in service. Its methods
// may be called concurrently.
type Environment struct {
	// Fleet is what a deploy needs to know, and FleetFile the file that says it.
	Fleet     fleet.Fleet
	FleetFile string
	// URL is the service behind the load balancer.
	URL string
	// V1 and V2 are the commits of two releases, and the tags of their images.
	// V1 runs on every instance.
	V1, V2 string

	opts      Options
	dir       string
	cleanup   *cleanup
	stop      context.CancelFunc
	ctx       context.Context
	registry  *registry.Registry
	balancer  *balancer.Balancer
	aws       *awsapi.Server
	s3        *s3api.Server
	roles     iam.Keys
	machines  []*machine
	authority ssh.Signer // of the host keys; nil where each is known by itself
	mu        sync.Mutex
	awsFaults awsapi.Faults
	standIn   []byte // the stand-in's program, once it is compiled
	// checksBlocked is the fault lb-unhealthy.
	checksBlocked atomic.Bool
	program       []byte // the service's; empty where it has none
	v1            string // the image ID of release V1

	accessKeyID, secretAccessKey string
	awsURL                       string
}

// Start brings an environment up. Everything in it ends with Close, or with ctx
// if that ends first. The error of a bring-up that failed leaves nothing behind.
func Start(ctx context.Context, o Options) (*Environment, error) {
	e, err := newEnvironment(ctx, o)
	if err != nil {
		return nil, err
	}
	e.V1, e.V2 = commitOf(e.opts.Service.Name, "v1"), commitOf(e.opts.Service.Name, "v2")
	if err := e.up(ctx); err != nil {
		_ = e.Close()
		return nil, fmt.Errorf("start sandbox: %w", err)
	}
	context.AfterFunc(ctx, func() { _ = e.Close() })
	return e, nil
}

// Close ends every process and listener and removes the environment's files. It
// may be called again.
func (e *Environment) Close() error {
	e.stop()
	if err := e.cleanup.run(); err != nil {
		return fmt.Errorf("close sandbox: %w", oneline.Error(err))
	}
	return nil
}

// up brings everything up: the far ends, then the images while the instances
// boot, then release V1 on each.
func (e *Environment) up(ctx context.Context) error {
	started := time.Now()
	if err := e.openDir(e.opts.Dir); err != nil {
		return err
	}
	if err := e.openFarEnds(ctx); err != nil {
		return err
	}
	work, both := errgroup.WithContext(ctx)
	work.Go(func() error { return e.publish(both) })
	work.Go(func() error { return e.boot() })
	if err := work.Wait(); err != nil {
		return err
	}
	if err := e.putInService(ctx); err != nil {
		return err
	}
	if err := e.describe(); err != nil {
		return err
	}
	e.opts.Logf("%d instances serve v1 at %s after %s", len(e.machines), e.URL, time.Since(started).Round(10*time.Millisecond))
	return nil
}

// openFarEnds opens the registry, the load balancer and the AWS endpoint.
func (e *Environment) openFarEnds(ctx context.Context) error {
	var err error
	if e.registry, err = registry.New(registry.Options{Region: e.opts.RegistryRegion, Repositories: []registry.Repository{{Name: e.opts.Service.Name}}}); err != nil {
		return err
	}
	host, err := e.serve(ctx, "registry", e.registry)
	if err != nil {
		return err
	}
	group, err := e.openBalancer()
	if err != nil {
		return err
	}
	e.aws = awsapi.New(e.balancer, e.registry, awsapi.Options{
		AccessKeyID: e.accessKeyID, Roles: &e.roles, RegistryURL: "http://" + host, RegistryRegion: e.opts.RegistryRegion, Elsewhere: e.opts.Elsewhere,
	})
	e.s3 = s3api.New(s3api.Options{AccessKeyID: e.accessKeyID, Roles: &e.roles, Region: e.opts.BucketRegion, Buckets: []string{e.opts.Bucket}})
	address, err := e.serve(ctx, "AWS endpoint", byService(e.aws, e.s3))
	if err != nil {
		return err
	}
	e.awsURL, e.URL = "http://"+address, "http://"+group.Address
	e.Fleet = fleet.Fleet{
		Environment: e.opts.Environment, Region: e.opts.Region, RegistryRegion: e.opts.RegistryRegion,
		Repository:   host + "/" + e.opts.Service.Name,
		TargetGroups: []string{group.ARN}, User: userName,
	}
	return nil
}

// openBalancer opens the load balancer with its one target group.
func (e *Environment) openBalancer() (balancer.Group, error) {
	b, err := balancer.New(balancer.Options{
		Factor: e.opts.Factor, Host: e.opts.Host, Zones: e.opts.Zones, Region: e.opts.Region, Name: e.opts.Service.Name + "-" + e.opts.Environment,
		Lags: balancer.Lags{Register: e.opts.Lags.Register, Deregister: e.opts.Lags.Deregister},
	})
	if err != nil {
		return balancer.Group{}, err
	}
	e.balancer = b
	e.cleanup.add(b.Close)
	return b.AddGroup(balancer.GroupOptions{Name: e.opts.Service.Name + "-" + e.opts.Environment, Port: e.opts.Service.HostPort, HealthCheck: e.healthCheck()})
}

// healthCheck is the load balancer's own for the service, and AWS's default pace
// for hollow instances: checking a thousand of them is most of what they cost.
func (e *Environment) healthCheck() balancer.HealthCheck {
	check := balancer.HealthCheck{Path: e.opts.Service.HealthPath}
	if e.opts.Hollow {
		check.Interval = 30 * time.Second
	}
	return check
}

// publish compiles the service and pushes both releases.
func (e *Environment) publish(ctx context.Context) error {
	if err := e.buildProgram(ctx); err != nil {
		return err
	}
	v1, err := e.publishOne(ctx, e.V1)
	if err != nil {
		return err
	}
	e.v1 = v1
	_, err = e.publishOne(ctx, e.V2, "latest")
	return err
}

// publishOne pushes a release under its commit and other tags.
func (e *Environment) publishOne(ctx context.Context, commit string, tags ...string) (id string, err error) {
	r, err := e.release(ctx, commit)
	if err != nil {
		return "", err
	}
	return e.push(ctx, r, append([]string{commit}, tags...)...)
}

// buildProgram compiles the service, if it has a program and a process.
func (e *Environment) buildProgram(ctx context.Context) (err error) {
	if e.opts.Hollow || e.opts.Service.Program == "" {
		return nil
	}
	if e.program, err = buildService(ctx, e.opts.Service, e.dir); err != nil {
		return err
	}
	e.opts.Logf("compiled %s: %d bytes", e.opts.Service.Name, len(e.program))
	return nil
}

// release is one that is well: as the options say.
func (e *Environment) release(ctx context.Context, commit string) (release, error) {
	service := e.opts.Service
	r := release{
		commit: commit, service: service, standIn: service.standIn(),
		files:   map[string][]byte{},
		created: time.Now().UTC().Truncate(time.Second),
		check:   time.Duration(float64(service.HealthCheck) / e.opts.Factor),
	}
	if e.program != nil {
		r.entrypoint = "/" + service.Name
		r.files[r.entrypoint] = e.program
	} else {
		r.entrypoint = helper
	}
	if r.entrypoint == helper || r.check > 0 {
		return r, e.addHelper(ctx, &r)
	}
	return r, nil
}

// describe writes the files a deploy is pointed at.
func (e *Environment) describe() error {
	if err := e.writeKnownHosts(); err != nil {
		return err
	}
	for _, m := range e.machines {
		e.Fleet.Instances = append(e.Fleet.Instances, rollout.Instance{ID: m.ID(), Name: m.name, Zone: m.Zone(), Address: m.Addr()})
	}
	e.FleetFile = e.path(fleetFile)
	return e.Fleet.WriteFile(e.FleetFile)
}

// Calls counts what AWS was asked, refused calls included, by action.
func (e *Environment) Calls() map[string]int {
	calls := e.aws.Calls()
	maps.Copy(calls, e.s3.Calls())
	return calls
}

// Policy is the default policy with every duration divided by the factor, as
// rollout.ParsePolicy reads it.
func (e *Environment) Policy() string { return policy(e.opts.Factor).String() }
