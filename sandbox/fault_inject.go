package sandbox

import (
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/growl-dev/deploy/sandbox/internal/awsapi"
	"github.com/growl-dev/deploy/sandbox/internal/balancer"
	"github.com/growl-dev/deploy/sandbox/internal/standin"
)

// failShare is the share of AWS calls that fail. The SDK's back-off is not divided by the factor, so with a larger share
// it alone would exceed the policy's timeouts.
const failShare = 0.25

// injector injects a fault into an environment.
type injector func(context.Context, *Environment) error

// inAWS adds to the faults of the AWS endpoint.
func inAWS(add func(*awsapi.Faults)) injector {
	return func(_ context.Context, e *Environment) error {
		e.mu.Lock()
		defer e.mu.Unlock()
		add(&e.awsFaults)
		e.aws.SetFaults(e.awsFaults)
		return nil
	}
}

// inVictim changes one instance.
func inVictim(change func(*machine)) injector {
	return func(_ context.Context, e *Environment) error {
		change(e.victim())
		return nil
	}
}

// inRelease replaces release V2 by one with the fault.
func inRelease(fault standin.Fault) injector {
	return func(ctx context.Context, e *Environment) error { return e.publisher.pushFaulty(ctx, e.V2, fault) }
}

func failPulls(_ context.Context, e *Environment) error {
	e.registry.CutDownloads(true)
	return nil
}

func blockChecks(_ context.Context, e *Environment) error {
	e.checksBlocked.Store(true)
	return nil
}

// cutSSH cuts the connections when the container that runs now has ended, because a deploy that loses its connection at
// that moment has the most to restore.
func cutSSH(ctx context.Context, e *Environment) error {
	m := e.victim()
	running := slices.Sorted(slices.Values(m.Engine().PIDs()))
	ended := make(chan struct{})
	ctx, stop := context.WithCancel(ctx)
	go func() {
		defer close(ended)
		tick := time.NewTicker(servePoll)
		defer tick.Stop()
		for slices.Equal(slices.Sorted(slices.Values(m.Engine().PIDs())), running) {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
		m.CutSSH()
	}()
	e.cleanup.add(func() error { stop(); <-ended; return nil })
	return nil
}

// nodes are the load balancer's own addresses, from which its health checks come.
var nodes = netip.PrefixFrom(netip.AddrFrom4([4]byte{10}), 8)

// dialer returns the function that connects the load balancer to a machine. With the fault lb-unhealthy it refuses the
// load balancer's own checks of every release but V1, and still accepts its clients.
func (e *Environment) dialer(m *machine) balancer.DialFunc {
	return func(ctx context.Context, port int, peer netip.AddrPort) (net.Conn, error) {
		if e.checksBlocked.Load() && nodes.Contains(peer.Addr()) && m.runsOther(ctx, e.v1) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
		}
		return m.Wire().Dial(ctx, port, peer)
	}
}
