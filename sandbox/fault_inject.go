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
	"github.com/growl-dev/deploy/sandbox/internal/engine"
	"github.com/growl-dev/deploy/sandbox/internal/instance"
)

// failShare is the share of AWS calls that fail. The SDK's back-off is not
// factor times faster: with a larger share it alone would outlast the policy.
const failShare = 0.25

func (e *Environment) throttle(context.Context) error {
	return e.failAWS(func(f *awsapi.Faults) { f.Throttle = failShare })
}

func (e *Environment) failCalls(context.Context) error {
	return e.failAWS(func(f *awsapi.Faults) { f.Errors = failShare })
}

// failAWS adds to the faults of the AWS endpoint.
func (e *Environment) failAWS(add func(*awsapi.Faults)) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	add(&e.awsFaults)
	e.aws.SetFaults(e.awsFaults)
	return nil
}

func (e *Environment) refuseSSH(context.Context) error {
	return e.victim().Inject(instance.SSHRefused)
}

func (e *Environment) failPulls(context.Context) error {
	e.registry.CutDownloads(true)
	return nil
}

func (e *Environment) fillDisk(context.Context) error {
	return e.victim().Inject(string(engine.DiskFull))
}

func (e *Environment) loseEngine(context.Context) error {
	return e.victim().Inject(string(engine.Gone))
}

func (e *Environment) blockChecks(context.Context) error {
	e.checksBlocked.Store(true)
	return nil
}

// cutSSH watches for the end of the container that runs now: the moment at
// which a deploy that loses its connection has most to put right.
func (e *Environment) cutSSH(ctx context.Context) error {
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
		_ = m.Inject(instance.SSHCut) // only an unknown name is an error
	}()
	e.cleanup.add(func() error { stop(); <-ended; return nil })
	return nil
}

// nodes are the load balancer's own addresses, from which it checks health.
var nodes = netip.PrefixFrom(netip.AddrFrom4([4]byte{10}), 8)

// dialer connects the load balancer to a machine. With the fault lb-unhealthy
// its own checks of another release than V1 are refused, its clients are not.
func (e *Environment) dialer(m *machine) balancer.DialFunc {
	return func(ctx context.Context, port int, peer netip.AddrPort) (net.Conn, error) {
		if e.checksBlocked.Load() && nodes.Contains(peer.Addr()) && e.runsOther(ctx, m) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
		}
		return m.Wire().Dial(ctx, port, peer)
	}
}
