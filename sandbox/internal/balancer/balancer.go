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

// Errors that callers can test for with errors.Is.
var (
	// ErrGroupNotFound means that no target group has the ARN.
	ErrGroupNotFound = errors.New("target group not found")
	// ErrClosed means that the load balancer was closed.
	ErrClosed = errors.New("load balancer closed")
)

// UnknownInstanceError means that no instance has the ID.
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

	flows flowTable

	mu        sync.Mutex
	random    *rand.Rand
	instances map[string]*instance
	groups    []*group
	listeners []net.Listener
}

// instance is a machine that can be registered as a target. It does not change after AddInstance.
type instance struct {
	id, zone string
	dial     DialFunc
}

// New returns a load balancer without groups. The caller must close it.
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
		flows:     flowTable{open: map[*flow]struct{}{}, stats: map[Target]Stats{}},
	}, nil
}

// Close resets all flows, closes all listeners and waits until every goroutine has ended. It returns nil.
func (b *Balancer) Close() error {
	b.cancel()
	b.mu.Lock()
	for _, l := range b.listeners {
		_ = l.Close()
	}
	for _, g := range b.groups {
		for _, r := range g.targets {
			r.stopTimers()
		}
	}
	b.mu.Unlock()
	b.flows.close()
	b.tasks.Wait()
	return nil
}

// AddInstance adds an instance, so that it can be registered. It returns an error if the instance exists, its zone is not
// the load balancer's, or dial is nil.
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

// LoadBalancer is the load balancer as the API describes it.
type LoadBalancer struct {
	ARN, Name, DNSName string
	Account, Region    string
	Zones              []string
	Created            time.Time
	Attributes         map[string]string
	// Factor is the number by which times in AWS are divided.
	Factor float64
}

// Describe returns the load balancer as the API describes it.
func (b *Balancer) Describe() LoadBalancer {
	return LoadBalancer{
		Factor:  b.opts.Factor,
		ARN:     b.opts.arn("loadbalancer/net/" + b.opts.Name + "/" + fingerprint("loadbalancer", b.opts.Name)),
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

// group returns the group with the ARN, or [ErrGroupNotFound]. The caller holds the lock.
func (b *Balancer) group(arn string) (*group, error) {
	for _, g := range b.groups {
		if g.ARN == arn {
			return g, nil
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrGroupNotFound, arn)
}

// fingerprint returns the hexadecimal ID at the end of an ARN, which is the same in every run.
func fingerprint(kind, name string) string {
	sum := sha256.Sum256([]byte(kind + "/" + name))
	return hex.EncodeToString(sum[:8])
}
