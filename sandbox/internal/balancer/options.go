package balancer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"time"
)

// Options describe the load balancer. The zero value is a usable one.
type Options struct {
	// Factor is the number by which times in AWS are divided. Zero means 20.
	Factor float64
	// Lags are the delays between the API and the data plane.
	Lags Lags
	// Checkers is the number of places that check each target, each at the group's interval. A target's health changes
	// when all of them agree. Zero means 2.
	Checkers int
	// Name is the load balancer's name. Empty means "sandbox".
	Name string
	// Account is the AWS account in its ARNs. Empty means "000000000000".
	Account string
	// Region is the AWS region in its ARNs. Empty means "us-west-1".
	Region string
	// Zones are the availability zones with a node each. Empty means the
	// region's a and b.
	Zones []string
	// CrossZoneOff starts the load balancer as AWS creates one: each node sends
	// to its own zone only. A group's attribute overrides this.
	CrossZoneOff bool
	// Host is the address that listeners bind to and the DNS name that the API
	// shows, so that both can be dialed. Empty means "127.0.0.1".
	Host string
	// Listen opens a listener. Nil means a TCP port of Host that the system chooses.
	Listen func(ctx context.Context) (net.Listener, error)
	// Seed makes the choice of targets repeatable. Zero means a random one.
	Seed uint64
}

// Lags are the times by which the data plane is behind the API, as long as in AWS.
// Zero means the default, a negative lag means none.
type Lags struct {
	// Register is the time from a registration to the first connection. The API
	// reports Elb.RegistrationInProgress for the first third of it. Zero means 90 s.
	Register time.Duration
	// Deregister is the time from a deregistration to the last new connection,
	// whatever the deregistration delay is. Zero means 120 s.
	Deregister time.Duration
	// Unhealthy is the time from unhealthy to the last new connection. Zero
	// means 15 s, one and a half default intervals.
	Unhealthy time.Duration
}

// DialFunc connects to a port of an instance. The instance is to see peer as
// the remote end, as it would with client addresses preserved.
type DialFunc func(ctx context.Context, port int, peer netip.AddrPort) (net.Conn, error)

const (
	defaultFactor     = 20
	defaultCheckers   = 2
	defaultRegister   = 90 * time.Second
	defaultDeregister = 120 * time.Second
	defaultUnhealthy  = 15 * time.Second
)

func (o Options) withDefaults() (Options, error) {
	if o.Factor < 0 {
		return o, fmt.Errorf("balancer factor %v is negative", o.Factor)
	}
	if o.Checkers < 0 {
		return o, fmt.Errorf("balancer checkers %d is negative", o.Checkers)
	}
	o.Factor = or(o.Factor, defaultFactor)
	o.Checkers = or(o.Checkers, defaultCheckers)
	o.Name = or(o.Name, "sandbox")
	o.Account = or(o.Account, "000000000000")
	o.Region = or(o.Region, "us-west-1")
	o.Host = or(o.Host, "127.0.0.1")
	o.Seed = or(o.Seed, rand.Uint64())
	o.Zones = slices.Clone(o.Zones)
	if len(o.Zones) == 0 {
		o.Zones = []string{o.Region + "a", o.Region + "b"}
	}
	if o.Listen == nil {
		address := net.JoinHostPort(o.Host, "0")
		o.Listen = func(ctx context.Context) (net.Listener, error) {
			return new(net.ListenConfig).Listen(ctx, "tcp", address)
		}
	}
	o.Lags = Lags{
		Register:   lag(o.Lags.Register, defaultRegister),
		Deregister: lag(o.Lags.Deregister, defaultDeregister),
		Unhealthy:  lag(o.Lags.Unhealthy, defaultUnhealthy),
	}
	return o, nil
}

func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

func lag(given, fallback time.Duration) time.Duration {
	return max(0, or(given, fallback))
}

// scale turns a time in AWS into a time here.
func (o Options) scale(d time.Duration) time.Duration {
	return time.Duration(float64(d) / o.Factor)
}

// rules returns the times and thresholds of a group, in the sandbox's own time.
func (o Options) rules(g *group) rules {
	r := rules{
		registerLag:    o.scale(o.Lags.Register),
		deregisterLag:  o.scale(o.Lags.Deregister),
		unhealthyLag:   o.scale(o.Lags.Unhealthy),
		delay:          o.scale(g.attrs.seconds(AttrDelay)),
		healthyAfter:   g.HealthCheck.HealthyThreshold,
		unhealthyAfter: g.HealthCheck.UnhealthyThreshold,
		checkers:       o.Checkers,
	}
	if !g.attrs.on(AttrUnhealthyTerminate) {
		r.unhealthyDraining = o.scale(g.attrs.seconds(AttrUnhealthyDrainingFor))
	}
	return r
}

// arn returns the ARN of a resource of the load balancer.
func (o Options) arn(resource string) string {
	return "arn:aws:elasticloadbalancing:" + o.Region + ":" + o.Account + ":" + resource
}
