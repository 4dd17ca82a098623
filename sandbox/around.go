package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/growl-dev/deploy/internal/oneline"
	"github.com/growl-dev/deploy/rollout"
	"github.com/growl-dev/deploy/sandbox/internal/balancer"
)

// Machine is an instance that exists already and that the sandbox did not make.
type Machine struct {
	rollout.Instance
	// Dial connects the load balancer to a port of the machine. peer is the client's address, which the machine should see
	// as the source of the connection, if Dial can arrange that.
	Dial func(ctx context.Context, port int, peer netip.AddrPort) (net.Conn, error)
}

// Around starts only the far ends, which are the AWS endpoint, the registry and the load balancer, for machines that
// exist already. user is the name of the user that logs in to them.
//
// Such an environment has no releases, SSH key or known hosts of its own: the repository, V1 and V2 are empty, no target is
// registered until [Environment.PutInService], and [Environment.Fault] accepts only the faults of AWS and the registry. It
// lasts until Close is called or ctx ends.
func Around(ctx context.Context, user string, machines []Machine, o Options) (*Environment, error) {
	if len(machines) == 0 {
		return nil, errors.New("start sandbox: no machines are given")
	}
	o.Instances = len(machines)
	e, err := newEnvironment(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := e.upAround(ctx, user, machines); err != nil {
		_ = e.Close()
		return nil, fmt.Errorf("start sandbox: %w", err)
	}
	context.AfterFunc(ctx, func() { _ = e.Close() })
	return e, nil
}

func (e *Environment) upAround(ctx context.Context, user string, machines []Machine) error {
	if err := e.openDir(e.opts.Dir); err != nil {
		return err
	}
	if err := e.openFarEnds(ctx); err != nil {
		return err
	}
	e.Fleet.User = user
	for _, m := range machines {
		if err := e.balancer.AddInstance(m.ID, m.Zone, balancer.DialFunc(m.Dial)); err != nil {
			return err
		}
		e.Fleet.Instances = append(e.Fleet.Instances, m.Instance)
	}
	e.FleetFile = e.path(fleetFile)
	return e.Fleet.WriteFile(e.FleetFile)
}

// PutInService registers instances that are healthy at once, as in a fleet that has run for a long time. Their service must
// be running.
func (e *Environment) PutInService(ids ...string) error {
	for _, id := range ids {
		endpoint := balancer.Endpoint{Instance: id, Port: e.opts.Service.HostPort}
		if err := e.balancer.RegisterInService(e.Fleet.TargetGroups[0], endpoint); err != nil {
			return fmt.Errorf("register %s: %w", id, err)
		}
	}
	return nil
}

// newEnvironment returns an environment in which nothing was started yet.
func newEnvironment(ctx context.Context, o Options) (*Environment, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("start sandbox: %w", oneline.Error(err))
	}
	e := &Environment{
		opts:            o,
		cleanup:         newCleanup(),
		accessKeyID:     "AKIA" + rand.Text()[:16],
		secretAccessKey: rand.Text() + rand.Text()[:14],
	}
	e.ctx, e.stop = context.WithCancel(context.WithoutCancel(ctx))
	e.cleanup.add(func() error { e.stop(); return nil })
	return e, nil
}
