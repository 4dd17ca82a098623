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

// userName is the name of the user that logs in to the instances.
const userName = "ec2-user"

// Environment is a whole environment, with release V1 in service. Its methods
// may be called concurrently.
type Environment struct {
	// Fleet describes the environment to a deploy. FleetFile is the path of the file with the same content.
	Fleet     fleet.Fleet
	FleetFile string
	// URL is the address of the service behind the load balancer.
	URL string
	// V1 and V2 are the commits of two releases, and the tags of their images.
	// V1 runs on every instance.
	V1, V2 string

	opts      Options
	publisher *publisher
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
	authority ssh.Signer // of the host keys; nil if known_hosts has each of them
	mu        sync.Mutex
	awsFaults awsapi.Faults
	// checksBlocked is set by the fault lb-unhealthy.
	checksBlocked atomic.Bool
	v1            string // the image ID of release V1

	accessKeyID, secretAccessKey string
	awsURL                       string
}

// Start starts an environment, which lasts until Close is called or ctx ends. If Start returns an error, it has removed
// everything that it had made.
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

// Close ends every process and listener and removes the environment's files. It may be called again.
func (e *Environment) Close() error {
	e.stop()
	if err := e.cleanup.run(); err != nil {
		return fmt.Errorf("close sandbox: %w", oneline.Error(err))
	}
	return nil
}

// up starts everything: first the far ends, then the instances while it publishes the images, then release V1 on each
// instance.
func (e *Environment) up(ctx context.Context) error {
	started := time.Now()
	if err := e.openDir(e.opts.Dir); err != nil {
		return err
	}
	if err := e.openFarEnds(ctx); err != nil {
		return err
	}
	work, both := errgroup.WithContext(ctx)
	work.Go(func() (err error) {
		e.v1, err = e.publisher.publish(both, e.V1, e.V2)
		return err
	})
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
	host, err := serve(ctx, e.cleanup, e.opts.Host, "registry", e.registry)
	if err != nil {
		return err
	}
	repository := host + "/" + e.opts.Service.Name
	e.publisher = &publisher{opts: e.opts, dir: e.dir, registry: e.registry, repository: repository}
	group, err := e.openBalancer()
	if err != nil {
		return err
	}
	e.aws = awsapi.New(e.balancer, e.registry, awsapi.Options{
		AccessKeyID: e.accessKeyID, Roles: &e.roles, RegistryURL: "http://" + host, RegistryRegion: e.opts.RegistryRegion, Elsewhere: e.opts.Elsewhere,
	})
	e.s3 = s3api.New(s3api.Options{AccessKeyID: e.accessKeyID, Roles: &e.roles, Region: e.opts.BucketRegion, Buckets: []string{e.opts.Bucket}})
	address, err := serve(ctx, e.cleanup, e.opts.Host, "AWS endpoint", byService(e.aws, e.s3))
	if err != nil {
		return err
	}
	e.awsURL, e.URL = "http://"+address, "http://"+group.Address
	e.Fleet = fleet.Fleet{
		Environment: e.opts.Environment, Region: e.opts.Region, RegistryRegion: e.opts.RegistryRegion,
		Repository:   repository,
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
	return b.AddGroup(balancer.GroupOptions{Name: e.opts.Service.Name + "-" + e.opts.Environment, Port: e.opts.Service.HostPort, HealthCheck: e.opts.healthCheck()})
}

// describe writes the files that a deploy reads: the fleet file and known_hosts.
func (e *Environment) describe() error {
	if err := writeKnownHosts(e.path(knownHostsFile), e.machines, e.authority); err != nil {
		return err
	}
	for _, m := range e.machines {
		e.Fleet.Instances = append(e.Fleet.Instances, rollout.Instance{ID: m.ID(), Name: m.name, Zone: m.Zone(), Address: m.Addr()})
	}
	e.FleetFile = e.path(fleetFile)
	return e.Fleet.WriteFile(e.FleetFile)
}

// Calls returns the number of calls of AWS by action, refused calls included.
func (e *Environment) Calls() map[string]int {
	calls := e.aws.Calls()
	maps.Copy(calls, e.s3.Calls())
	return calls
}

// Policy returns the default policy with every duration divided by the factor, in the syntax of rollout.ParsePolicy.
func (e *Environment) Policy() string { return policy(e.opts.Factor).String() }
