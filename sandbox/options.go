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

	"github.com/growl-dev/deploy/sandbox/internal/balancer"
)

// Defaults of [Options].
const (
	DefaultInstances   = 3
	DefaultFactor      = 20
	DefaultEnvironment = "dev"
	DefaultRegion      = "us-east-1"
	DefaultBucket      = "sandbox-state"
)

// The largest numbers of instances, so that a typing error does not overload the machine. Hollow instances need less of it.
const (
	maxInstances = 100
	maxHollow    = 2000
)

// Options describe an environment. The zero value is a usable one.
type Options struct {
	// Service is the service in the containers. The zero value is a stand-in on port 8080 with the health path /healthz.
	Service Service
	// Environment is the environment's name in the fleet file. Empty: dev.
	Environment string
	// Region is the region of the instances and of the load balancer. Empty: that of Zones, or us-east-1.
	Region string
	// Zones are the availability zones, all of Region. Empty: its zones a and b.
	Zones []string
	// RegistryRegion is the region of the image registry. Empty: Region.
	RegistryRegion string
	// Bucket is an S3 bucket that exists from the start, for a ledger and Terraform's state. Empty: sandbox-state.
	Bucket string
	// BucketRegion is the region that requests for buckets must be signed for. Empty: Region.
	BucketRegion string
	// Instances is the number of instances, which are spread over the zones. Zero: 3.
	Instances int
	// Factor is the number by which the times of the load balancer and of the policy are divided. Zero: 20.
	Factor float64
	// Lags are the times by which the load balancer's data plane is behind its API, as long as in AWS. A zero lag means the
	// one measured there, and a negative lag means none.
	Lags Lags
	// Hollow makes containers run no process: the stand-in serves inside the sandbox's own process, and the service's
	// program is not compiled. The faults of a release need a process, so they return an error.
	Hollow bool
	// Dir is the folder for the environment's files. It must be empty or absent, and Close does not remove it. Empty: a
	// temporary folder that Close removes.
	Dir string
	// Elsewhere serves the AWS calls that the sandbox does not, such as EC2's. It gets the calls of a role only if the role's
	// policies allow them. Nil: they fail as unknown.
	Elsewhere http.Handler
	// Host is the address of this machine on which the AWS endpoint, the registry and the load balancer listen. Empty:
	// 127.0.0.1. On another address, other machines may be able to connect to them.
	Host string
	// Logf is called with a line for each thing that was started. Nil: there is no log.
	Logf func(format string, args ...any)
}

// Lags are the load balancer's, before they are divided by the factor.
type Lags struct {
	// Register is the time from a registration to the first connection. Zero: 90 s.
	Register time.Duration
	// Deregister is the time from a deregistration to the last new connection.
	// Zero: 120 s.
	Deregister time.Duration
}

var (
	zoneName   = regexp.MustCompile(`^([a-z]{2}(?:-[a-z]+)+-[0-9])[a-z]$`)
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
)

// withDefaults fills the zero values and reports every fault at once.
func (o Options) withDefaults() (Options, error) {
	o.Service = o.Service.withDefaults()
	o.Environment = cmp.Or(o.Environment, DefaultEnvironment)
	o.Instances = cmp.Or(o.Instances, DefaultInstances)
	o.Factor = cmp.Or(o.Factor, DefaultFactor)
	o.Host = cmp.Or(o.Host, "127.0.0.1")
	o.Bucket = cmp.Or(o.Bucket, DefaultBucket)
	if o.Logf == nil {
		o.Logf = func(string, ...any) {}
	}
	o = o.withRegions()
	return o, errors.Join(o.Service.validate(), o.validate(), o.validateRegions())
}

// withRegions fills the regions and zones that were left out.
func (o Options) withRegions() Options {
	if o.Region == "" && len(o.Zones) > 0 {
		o.Region = regionOf(o.Zones[0])
	}
	o.Region = cmp.Or(o.Region, DefaultRegion)
	if o.Zones = slices.Clone(o.Zones); len(o.Zones) == 0 {
		o.Zones = []string{o.Region + "a", o.Region + "b"}
	}
	o.RegistryRegion = cmp.Or(o.RegistryRegion, o.Region)
	o.BucketRegion = cmp.Or(o.BucketRegion, o.Region)
	return o
}

func (o Options) validate() error {
	var faults []error
	if most := o.most(); o.Instances < 1 || o.Instances > most {
		faults = append(faults, fmt.Errorf("instances=%d is not between 1 and %d", o.Instances, most))
	}
	if !(o.Factor >= 1 && o.Factor <= 1000) { // NaN too
		faults = append(faults, fmt.Errorf("factor=%v is not between 1 and 1000", o.Factor))
	}
	if o.Hollow && (o.Service.Pool != 0 || o.Service.HealthCheck != 0) {
		faults = append(faults, errors.New("service has a pool or a health check, and hollow instances run no process that could"))
	}
	if _, err := netip.ParseAddr(o.Host); err != nil {
		faults = append(faults, fmt.Errorf("host %q is not an IP address", o.Host))
	}
	if !bucketName.MatchString(o.Bucket) {
		faults = append(faults, fmt.Errorf("bucket %q is no name of an S3 bucket", o.Bucket))
	}
	return errors.Join(faults...)
}

func (o Options) validateRegions() error {
	var faults []error
	for _, region := range []string{o.Region, o.RegistryRegion, o.BucketRegion} {
		if regionOf(region+"a") != region {
			faults = append(faults, fmt.Errorf("region %q is none, such as %s", region, DefaultRegion))
		}
	}
	for _, zone := range o.Zones {
		if regionOf(zone) != o.Region {
			faults = append(faults, fmt.Errorf("zone %q is not one of the region %s, such as %sa", zone, o.Region, o.Region))
		}
	}
	return errors.Join(faults...)
}

func (o Options) most() int {
	if o.Hollow {
		return maxHollow
	}
	return maxInstances
}

// regionOf returns a zone's region, or "" if the name is not a zone's.
func regionOf(zone string) string {
	if m := zoneName.FindStringSubmatch(zone); m != nil {
		return m[1]
	}
	return ""
}

// healthCheck returns the load balancer's health check of the service. For hollow instances it has AWS's default
// interval, because the checks of a thousand instances are most of their cost.
func (o Options) healthCheck() balancer.HealthCheck {
	check := balancer.HealthCheck{Path: o.Service.HealthPath}
	if o.Hollow {
		check.Interval = 30 * time.Second
	}
	return check
}
