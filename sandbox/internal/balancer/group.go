package balancer

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// GroupOptions describe a target group for TCP and the listener in front of it.
type GroupOptions struct {
	// Name is the group's name. Required.
	Name string
	// Port is the port of targets that are registered without one. Required.
	Port int
	// HealthCheck is the health check of the targets. The zero value is the default.
	HealthCheck HealthCheck
	// Attributes are changes to the presets, by the names AWS gives them.
	Attributes map[string]string
}

// HealthCheck is an HTTP check of a target's own port. Times are as in AWS.
type HealthCheck struct {
	// Path is the path of the request. Empty means /healthz.
	Path string
	// Interval is the time between two checks by one checker. Zero means 10 s.
	Interval time.Duration
	// Timeout is the time limit of one check. Zero means 6 s. It is scaled like every time, but to 250 ms at least,
	// because a check on a busy machine takes longer.
	Timeout time.Duration
	// HealthyThreshold is the number of checks in a row that must pass. Zero means 2.
	HealthyThreshold int
	// UnhealthyThreshold is the number of checks in a row that must fail. Zero means 2.
	UnhealthyThreshold int
}

// Group is a target group as the API describes it.
type Group struct {
	ARN, Name   string
	Port        int
	HealthCheck HealthCheck
	ListenerARN string
	// Address is the load balancer's DNS name with the listener's port, which the
	// system chose. Each connection goes to a node as if it had resolved the name.
	Address string
	// ListenerPort is the port of Address.
	ListenerPort int
	// Nodes are the addresses of the zones' nodes, for clients that cached one.
	Nodes map[string]string
}

// group is a target group at work. The balancer's lock guards it.
type group struct {
	Group
	attrs   attributes
	targets []*registration
}

func (h HealthCheck) withDefaults() HealthCheck {
	return HealthCheck{
		Path:               or(h.Path, "/healthz"),
		Interval:           or(h.Interval, 10*time.Second),
		Timeout:            or(h.Timeout, 6*time.Second),
		HealthyThreshold:   or(h.HealthyThreshold, 2),
		UnhealthyThreshold: or(h.UnhealthyThreshold, 2),
	}
}

func (h HealthCheck) validate() error {
	switch {
	case !strings.HasPrefix(h.Path, "/"):
		return fmt.Errorf("health check path %q does not start with /", h.Path)
	case h.Interval <= 0 || h.Timeout <= 0:
		return fmt.Errorf("health check interval %s and timeout %s must be positive", h.Interval, h.Timeout)
	case h.HealthyThreshold < 1 || h.UnhealthyThreshold < 1:
		return fmt.Errorf("health check thresholds %d and %d must be at least 1", h.HealthyThreshold, h.UnhealthyThreshold)
	}
	return nil
}

// AddGroup adds a target group with a listener of its own and opens its
// addresses: the load balancer's and one for each zone's node.
func (b *Balancer) AddGroup(o GroupOptions) (Group, error) {
	g, err := newGroup(b.opts, o)
	if err != nil {
		return Group{}, fmt.Errorf("add target group %q: %w", o.Name, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil {
		return Group{}, fmt.Errorf("add target group %q: %w", o.Name, ErrClosed)
	}
	if slices.ContainsFunc(b.groups, func(other *group) bool { return other.Name == o.Name }) {
		return Group{}, fmt.Errorf("add target group %q: it exists", o.Name)
	}
	if err := b.listen(g); err != nil {
		return Group{}, fmt.Errorf("add target group %q: %w", o.Name, err)
	}
	b.groups = append(b.groups, g)
	return g.describe(), nil
}

// newGroup returns a group of the load balancer with these options, without listeners.
func newGroup(lb Options, o GroupOptions) (*group, error) {
	check := o.HealthCheck.withDefaults()
	if o.Name == "" {
		return nil, fmt.Errorf("it has no name")
	}
	if o.Port < 1 || o.Port > 65535 {
		return nil, fmt.Errorf("port %d is not between 1 and 65535", o.Port)
	}
	if err := check.validate(); err != nil {
		return nil, err
	}
	attrs, err := presetAttributes().with(o.Attributes)
	if err != nil {
		return nil, err
	}
	return &group{
		Group: Group{
			ARN:         lb.arn("targetgroup/" + o.Name + "/" + fingerprint("targetgroup", o.Name)),
			ListenerARN: lb.arn("listener/net/" + lb.Name + "/" + fingerprint("loadbalancer", lb.Name) + "/" + fingerprint("listener", o.Name)),
			Name:        o.Name,
			Port:        o.Port,
			HealthCheck: check,
			Nodes:       map[string]string{},
		},
		attrs: attrs,
	}, nil
}

// listen opens the group's address and its nodes', all or none.
func (b *Balancer) listen(g *group) error {
	opened := map[string]net.Listener{}
	for _, zone := range append([]string{anyZone}, b.opts.Zones...) {
		l, err := b.opts.Listen(b.ctx)
		if err != nil {
			for _, l := range opened {
				_ = l.Close()
			}
			return err
		}
		opened[zone] = l
	}
	for zone, l := range opened {
		b.listeners = append(b.listeners, l)
		g.address(zone, b.opts.Host, l.Addr())
		b.tasks.Go(func() { node{b, g, zone}.serve(l) })
	}
	return nil
}

func (g *group) address(zone, host string, addr net.Addr) {
	_, port, _ := net.SplitHostPort(addr.String())
	address := net.JoinHostPort(host, port)
	if zone != anyZone {
		g.Nodes[zone] = address
		return
	}
	g.Address = address
	g.ListenerPort, _ = strconv.Atoi(port)
}

func (g *group) describe() Group {
	described := g.Group
	described.Nodes = maps.Clone(g.Nodes)
	return described
}

// Groups describes all groups in the order they were added.
func (b *Balancer) Groups() []Group {
	b.mu.Lock()
	defer b.mu.Unlock()
	var described []Group
	for _, g := range b.groups {
		described = append(described, g.describe())
	}
	return described
}

// Attributes returns all attributes of a group, or [ErrGroupNotFound].
func (b *Balancer) Attributes(arn string) (map[string]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g, err := b.group(arn)
	if err != nil {
		return nil, err
	}
	return maps.Clone(g.attrs), nil
}

// SetAttributes changes some attributes of a group: all of the changes or, with
// an error that wraps [ErrAttribute] or [ErrGroupNotFound], none.
func (b *Balancer) SetAttributes(arn string, changes map[string]string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	g, err := b.group(arn)
	if err != nil {
		return err
	}
	attrs, err := g.attrs.with(changes)
	if err != nil {
		return fmt.Errorf("change target group %s: %w", g.Name, err)
	}
	g.attrs = attrs
	return nil
}
