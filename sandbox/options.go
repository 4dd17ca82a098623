package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"time"
)

// Defaults of [Options].
const (
	DefaultInstances   = 3
	DefaultFactor      = 20
	DefaultEnvironment = "dev"
)

// maxInstances bounds what a slip of the keyboard can start; hollow instances
// cost less.
const (
	maxInstances = 100
	maxHollow    = 2000
	maxPool      = 1000
)

// Options describe an environment. The zero value is a usable one.
type Options struct {
	// Environment is the environment's name in the fleet file. Empty: dev.
	Environment string
	// Instances is how many run, spread over the zones. Zero: 3.
	Instances int
	// Factor is how many times faster than in AWS the load balancer's time goes
	// by, and the policy's. Zero: 20.
	Factor float64
	// Lags are how far the load balancer's data plane is behind its API, as long as
	// they are in AWS. A zero lag is the one measured there, a negative one is none.
	Lags Lags
	// Hollow makes containers run no process: the sandbox itself answers for
	// growl-backend, which is not compiled then. The faults of a release need its
	// program and are none of a hollow environment's.
	Hollow bool
	// Service is what the releases are like. The zero value is growl-backend.
	Service Service
	// Dir is where the environment keeps its files; it must be empty or absent,
	// and is not removed. Empty: a temporary folder that Close removes.
	Dir string
	// Zones are the availability zones, all of one region. Empty: us-west-1a and us-west-1c.
	Zones []string
	// RegistryRegion is the region of the image registry. Empty: that of the zones.
	RegistryRegion string
	// Elsewhere serves the AWS calls that the sandbox does not, such as EC2's; those of a role only after its policies
	// allowed them. Nil: they are refused as unknown.
	Elsewhere http.Handler
	// Host is the address of this machine that the AWS endpoint, the registry and
	// the load balancer listen on. Empty: 127.0.0.1. Whoever reaches another one
	// reaches them too.
	Host string
	// ServiceDir is the source of growl-backend. Empty: the folder of that name
	// in the working directory or the nearest one above it.
	ServiceDir string
	// Logf is told what is being brought up, a line at a time. Nil: nobody is.
	Logf func(format string, args ...any)
}

// Service is what both releases are like, where they are not just growl-backend.
type Service struct {
	// Uncounted has a program serve that counts no connections of its own and knows
	// nothing of draining.
	Uncounted bool
	// Pool is how many connections each container keeps to a database.
	Pool int
	// HealthCheck is how often a container checks its own health, as in AWS. Zero:
	// it does not.
	HealthCheck time.Duration
}

// Lags are the load balancer's, before they are divided by the factor.
type Lags struct {
	// Register is the time from a registration to the first connection. Zero: 90 s.
	Register time.Duration
	// Deregister is the time from a deregistration to the last new connection.
	// Zero: 120 s.
	Deregister time.Duration
}

var zoneName = regexp.MustCompile(`^([a-z]{2}(?:-[a-z]+)+-[0-9])[a-z]$`)

// withDefaults fills the zero values and reports every fault at once.
func (o Options) withDefaults() (Options, error) {
	o.Environment = cmp.Or(o.Environment, DefaultEnvironment)
	o.Instances = cmp.Or(o.Instances, DefaultInstances)
	o.Factor = cmp.Or(o.Factor, DefaultFactor)
	o.Host = cmp.Or(o.Host, "127.0.0.1")
	if o.Zones = slices.Clone(o.Zones); len(o.Zones) == 0 {
		o.Zones = []string{"us-west-1a", "us-west-1c"}
	}
	o.RegistryRegion = cmp.Or(o.RegistryRegion, regionOf(o.Zones[0]))
	if o.Logf == nil {
		o.Logf = func(string, ...any) {}
	}
	var faults []error
	if most := o.most(); o.Instances < 1 || o.Instances > most {
		faults = append(faults, fmt.Errorf("instances=%d is not between 1 and %d", o.Instances, most))
	}
	if !(o.Factor >= 1 && o.Factor <= 1000) { // NaN too
		faults = append(faults, fmt.Errorf("factor=%v is not between 1 and 1000", o.Factor))
	}
	if o.Service.Pool < 0 || o.Service.Pool > maxPool || o.Service.HealthCheck < 0 || o.Hollow && o.Service != (Service{}) {
		faults = append(faults, fmt.Errorf("service=%+v has a negative part or more than %d connections, or is of hollow instances, which run none", o.Service, maxPool))
	}
	if _, err := netip.ParseAddr(o.Host); err != nil {
		faults = append(faults, fmt.Errorf("host %q is not an IP address", o.Host))
	}
	for _, zone := range o.Zones {
		if region := regionOf(zone); region == "" || region != regionOf(o.Zones[0]) {
			faults = append(faults, fmt.Errorf("zone %q is not one of the region of %q, such as us-west-1a", zone, o.Zones[0]))
		}
	}
	return o, errors.Join(faults...)
}

func (o Options) most() int {
	if o.Hollow {
		return maxHollow
	}
	return maxInstances
}

// regionOf is a zone's region, or "" for what is no zone.
func regionOf(zone string) string {
	if m := zoneName.FindStringSubmatch(zone); m != nil {
		return m[1]
	}
	return ""
}
