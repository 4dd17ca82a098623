package balancer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Errors that callers ask for with errors.Is.
var (
	// ErrGroupNotFound says that no target group has the ARN.
	ErrGroupNotFound = errors.New("target group not found")
	// ErrClosed says that the load balancer was closed.
	ErrClosed = errors.New("load balancer closed")
)

// UnknownInstanceError says that no instance has the ID.
type UnknownInstanceError struct{ ID string }

func (e *UnknownInstanceError) Error() string { return "no instance " + e.ID }

// Balancer is one load balancer with its target groups. All methods may be
// called concurrently.
type Balancer struct {
	opts    Options
	created time.Time
	ctx     context.Context
	cancel  context.CancelFunc
	tasks   sync.WaitGroup

	mu        sync.Mutex
	random    *rand.Rand
	instances map[string]*instance
	groups    []*group
	listeners []net.Listener
	flows     map[*flow]struct{}
	stats     map[Target]Stats
}

// instance is a machine that targets point to. The balancer's lock guards it.
type instance struct {
	id, zone string
	dial     DialFunc
	// blocked makes the load balancer's checks of it fail.
	blocked bool
}

// New returns a load balancer without groups. Close it to free what it opens.
func New(o Options) (*Balancer, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Balancer{
		opts:      o,
		created:   time.Now(),
		ctx:       ctx,
		cancel:    cancel,
		random:    rand.New(rand.NewPCG(o.Seed, 0)),
		instances: map[string]*instance{},
		flows:     map[*flow]struct{}{},
		stats:     map[Target]Stats{},
	}, nil
}

// Close resets all flows, frees all addresses, and waits for every goroutine.
func (b *Balancer) Close() error {
	b.cancel()
	b.mu.Lock()
	for _, l := range b.listeners {
		_ = l.Close()
	}
	for f := range b.flows {
		f.abort()
	}
	for _, g := range b.groups {
		for _, r := range g.targets {
			r.stopTimers()
		}
	}
	b.mu.Unlock()
	b.tasks.Wait()
	return nil
}

// AddInstance makes an instance known, so that it can be registered.
func (b *Balancer) AddInstance(id, zone string, dial DialFunc) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.instances[id] != nil:
		return fmt.Errorf("add instance %s: it exists", id)
	case !slices.Contains(b.opts.Zones, zone):
		return fmt.Errorf("add instance %s: zone %q is not one of the load balancer's: %s", id, zone, strings.Join(b.opts.Zones, ", "))
	case dial == nil:
		return fmt.Errorf("add instance %s: it has no dialer", id)
	}
	b.instances[id] = &instance{id: id, zone: zone, dial: dial}
	return nil
}

// BlockChecks makes the load balancer's checks of an instance fail while its
// service goes on answering, or takes that back. It is the fault lb-unhealthy.
func (b *Balancer) BlockChecks(id string, blocked bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := b.instances[id]
	if i == nil {
		return fmt.Errorf("block health checks: %w", &UnknownInstanceError{id})
	}
	i.blocked = blocked
	return nil
}

// LoadBalancer is the load balancer as the API describes it.
type LoadBalancer struct {
	ARN, Name, DNSName string
	Account, Region    string
	Zones              []string
	Created            time.Time
	Attributes         map[string]string
	// Factor is how many times faster than in AWS its time goes by.
	Factor float64
}

// Describe says what the load balancer is.
func (b *Balancer) Describe() LoadBalancer {
	return LoadBalancer{
		Factor:  b.opts.Factor,
		ARN:     b.arn("loadbalancer/net/" + b.opts.Name + "/" + fingerprint("loadbalancer", b.opts.Name)),
		Name:    b.opts.Name,
		DNSName: b.opts.Host,
		Account: b.opts.Account,
		Region:  b.opts.Region,
		Zones:   slices.Clone(b.opts.Zones),
		Created: b.created,
		Attributes: map[string]string{
			"access_logs.s3.enabled":           "false",
			"deletion_protection.enabled":      "false",
			"dns_record.client_routing_policy": "any_availability_zone",
			AttrCrossZone:                      strconv.FormatBool(!b.opts.CrossZoneOff),
		},
	}
}

func (b *Balancer) group(arn string) (*group, error) {
	for _, g := range b.groups {
		if g.ARN == arn {
			return g, nil
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrGroupNotFound, arn)
}

func (b *Balancer) arn(resource string) string {
	return "arn:aws:elasticloadbalancing:" + b.opts.Region + ":" + b.opts.Account + ":" + resource
}

// fingerprint is the hexadecimal ID at the end of an ARN: the same every run.
func fingerprint(kind, name string) string {
	sum := sha256.Sum256([]byte(kind + "/" + name))
	return hex.EncodeToString(sum[:8])
}
