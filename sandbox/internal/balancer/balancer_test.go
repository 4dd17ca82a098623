package balancer

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestZonesWithoutCrossZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, g := newPiped(t, Options{Factor: 1, CrossZoneOff: true, Zones: []string{"a", "b", "c"}})
		addPiped(t, b, "i-a", "a")
		inB := addPiped(t, b, "i-b", "b")
		require.NoError(t, b.RegisterInService(g.ARN, Endpoint{Instance: "i-a"}, Endpoint{Instance: "i-b"}))

		assert.Equal(t, []string{"i-a"}, b.pickedAt(g.ARN, "a"))
		assert.Equal(t, []string{"i-b"}, b.pickedAt(g.ARN, "b"))
		assert.Empty(t, b.pickedAt(g.ARN, "c"), "a zone without a target has left")
		assert.Equal(t, []string{"i-a", "i-b"}, b.pickedOf(g.ARN))

		inB.refuse.Store(true)
		time.Sleep(time.Minute)
		assert.Empty(t, b.pickedAt(g.ARN, "b"), "a zone without a healthy target has left")
		assert.Equal(t, []string{"i-a"}, b.pickedOf(g.ARN))

		require.NoError(t, b.SetAttributes(g.ARN, map[string]string{AttrCrossZone: "true"}))
		assert.Equal(t, []string{"i-a"}, b.pickedAt(g.ARN, "b"))
		assert.Equal(t, []string{"i-a"}, b.pickedAt(g.ARN, "c"))
	})
}

func TestOneBadGroupTakesTheZoneFromAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, web := newPiped(t, Options{Factor: 1, CrossZoneOff: true, Zones: []string{"a", "b"}})
		admin, err := b.AddGroup(GroupOptions{Name: "admin", Port: 9090})
		require.NoError(t, err)
		addPiped(t, b, "i-a", "a")
		addPiped(t, b, "i-b", "b")
		both := []Endpoint{{Instance: "i-a"}, {Instance: "i-b"}}
		require.NoError(t, b.RegisterInService(web.ARN, both...))
		require.NoError(t, b.RegisterInService(admin.ARN, both[0]))
		assert.Equal(t, []string{"i-a"}, b.pickedOf(web.ARN))
		assert.Empty(t, b.pickedAt(web.ARN, "b"))
		require.NoError(t, b.RegisterInService(admin.ARN, both[1]))
		assert.Equal(t, []string{"i-a", "i-b"}, b.pickedOf(web.ARN))
	})
}

func TestInstanceInSeveralGroupsAndPorts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, web := newPiped(t, Options{Factor: 1})
		admin, err := b.AddGroup(GroupOptions{Name: "admin", Port: 9090})
		require.NoError(t, err)
		addPiped(t, b, "i-1", "us-west-1a")
		require.NoError(t, b.RegisterInService(web.ARN, Endpoint{"i-1", 0}, Endpoint{"i-1", 8081}))
		require.NoError(t, b.RegisterInService(admin.ARN, Endpoint{"i-1", 0}))

		require.NoError(t, b.Deregister(web.ARN, Endpoint{Instance: "i-1"}))
		health, err := b.Health(web.ARN)
		require.NoError(t, err)
		assert.Equal(t, []EndpointHealth{
			{Endpoint{"i-1", 8080}, Health{Draining, DeregistrationInProgress, "Target deregistration is in progress"}},
			{Endpoint{"i-1", 8081}, Health{State: Healthy}},
		}, health, "without a port the group's default is meant")
		health, err = b.Health(admin.ARN, Endpoint{"i-1", 9090}, Endpoint{"i-1", 1}, Endpoint{"i-2", 0})
		require.NoError(t, err)
		assert.Equal(t, Healthy, health[0].State)
		assert.Equal(t, EndpointHealth{Endpoint{"i-1", 1}, notRegistered}, health[1])
		assert.Equal(t, EndpointHealth{Endpoint{"i-2", 9090}, notRegistered}, health[2])

		require.NoError(t, b.RegisterInService(web.ARN, Endpoint{"i-1", 8080}), "also from draining")
		health, err = b.Health(web.ARN, Endpoint{"i-1", 8080})
		require.NoError(t, err)
		assert.Equal(t, Healthy, health[0].State)
	})
}

func TestRegisteringIsIdempotentAndAllOrNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, g := newPiped(t, Options{Factor: 1})
		addPiped(t, b, "i-1", "us-west-1a")
		require.NoError(t, b.RegisterInService(g.ARN, Endpoint{Instance: "i-1"}))
		require.NoError(t, b.Register(g.ARN, Endpoint{Instance: "i-1"}))
		health, err := b.Health(g.ARN)
		require.NoError(t, err)
		require.Len(t, health, 1)
		assert.Equal(t, Healthy, health[0].State)

		err = b.Register(g.ARN, Endpoint{"i-1", 8081}, Endpoint{"i-none", 0})
		var unknown *UnknownInstanceError
		require.ErrorAs(t, err, &unknown)
		assert.Equal(t, "i-none", unknown.ID)
		health, err = b.Health(g.ARN)
		require.NoError(t, err)
		assert.Len(t, health, 1, "nothing was registered")

		require.NoError(t, b.Deregister(g.ARN, Endpoint{"i-1", 8081}), "an absent one is a success")
		for _, err := range []error{
			b.Register("arn:none", Endpoint{Instance: "i-1"}),
			b.Deregister("arn:none", Endpoint{Instance: "i-1"}),
			b.SetAttributes("arn:none", nil),
		} {
			assert.ErrorIs(t, err, ErrGroupNotFound)
		}
	})
}

func TestDelayIsTheOneOfTheDeregistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, g := newPiped(t, Options{Factor: 10})
		addPiped(t, b, "i-1", "us-west-1a")
		require.NoError(t, b.RegisterInService(g.ARN, Endpoint{Instance: "i-1"}))
		require.NoError(t, b.SetAttributes(g.ARN, map[string]string{AttrDelay: "60"}))
		require.NoError(t, b.Deregister(g.ARN, Endpoint{Instance: "i-1"}))
		require.NoError(t, b.SetAttributes(g.ARN, map[string]string{AttrDelay: "3600"}))
		time.Sleep(6 * time.Second)
		health, err := b.Health(g.ARN)
		require.NoError(t, err)
		assert.Empty(t, health)
		assert.NotEmpty(t, b.pickedOf(g.ARN), "unused and still routed")
		require.NoError(t, b.Register(g.ARN, Endpoint{Instance: "i-1"}))
		time.Sleep(30 * time.Second)
		health, err = b.Health(g.ARN)
		require.NoError(t, err)
		require.Len(t, health, 1, "the end of the earlier delay takes nothing away")
		assert.Equal(t, Healthy, health[0].State)
	})
}

func TestAttributes(t *testing.T) {
	b, g := newPiped(t, Options{})
	attributes, err := b.Attributes(g.ARN)
	require.NoError(t, err)
	assert.Equal(t, "300", attributes[AttrDelay])
	assert.Equal(t, "false", attributes[AttrTerminate])
	assert.Equal(t, "true", attributes[AttrPreserveClientIP])
	assert.Equal(t, crossZoneFromBalancer, attributes[AttrCrossZone])
	assert.Equal(t, "true", attributes[AttrUnhealthyTerminate])
	attributes[AttrDelay] = "1"

	err = b.SetAttributes(g.ARN, map[string]string{
		AttrDelay: "3601", AttrTerminate: "yes", "no.such": "1", "stickiness.enabled": "true", AttrCrossZone: "false",
	})
	require.ErrorIs(t, err, ErrAttribute)
	for _, key := range []string{AttrDelay, AttrTerminate, "no.such", "stickiness.enabled"} {
		assert.ErrorContains(t, err, key, "every fault at once")
	}
	unchanged, err := b.Attributes(g.ARN)
	require.NoError(t, err)
	assert.Equal(t, map[string]string(presetAttributes()), unchanged)
	require.NoError(t, b.SetAttributes(g.ARN, map[string]string{"stickiness.enabled": "false"}))
}

func TestRefusedOptions(t *testing.T) {
	_, err := New(Options{Factor: -1})
	require.Error(t, err)
	_, err = New(Options{Checkers: -1})
	require.Error(t, err)
	b, g := newPiped(t, Options{})
	for fault, o := range map[string]GroupOptions{
		"no name":      {Port: 1},
		"port 0":       {Name: "x"},
		"port 65536":   {Name: "x", Port: 65536},
		"it exists":    {Name: "web", Port: 1},
		"path":         {Name: "x", Port: 1, HealthCheck: HealthCheck{Path: "healthz"}},
		"interval":     {Name: "x", Port: 1, HealthCheck: HealthCheck{Interval: -1}},
		"thresholds":   {Name: "x", Port: 1, HealthCheck: HealthCheck{HealthyThreshold: -1}},
		"unknown key":  {Name: "x", Port: 1, Attributes: map[string]string{"x": "y"}},
		"target group": {},
	} {
		_, err := b.AddGroup(o)
		require.ErrorContains(t, err, fault)
		require.False(t, strings.Contains(err.Error(), "\n"))
	}
	dial := func(context.Context, int, netip.AddrPort) (net.Conn, error) { return nil, errors.New("none") }
	require.NoError(t, b.AddInstance("i-1", "us-west-1a", dial))
	require.ErrorContains(t, b.AddInstance("i-1", "us-west-1a", dial), "exists")
	require.ErrorContains(t, b.AddInstance("i-2", "mars", dial), "us-west-1a, us-west-1b")
	require.Error(t, b.AddInstance("i-2", "us-west-1a", nil))
	var unknown *UnknownInstanceError
	require.ErrorAs(t, b.Register(g.ARN, Endpoint{Instance: "i-2"}), &unknown)
}

func TestListenerThatFailsLeavesNothingOpen(t *testing.T) {
	var opened []*deafListener
	b, err := New(Options{Listen: func(context.Context) (net.Listener, error) {
		if len(opened) == 2 {
			return nil, errors.New("no more ports")
		}
		opened = append(opened, &deafListener{closed: make(chan struct{})})
		return opened[len(opened)-1], nil
	}})
	require.NoError(t, err)
	_, err = b.AddGroup(GroupOptions{Name: "web", Port: 1})
	require.ErrorContains(t, err, "no more ports")
	for _, l := range opened {
		<-l.closed
	}
	assert.Empty(t, b.Groups())
	require.NoError(t, b.Close())
	_, err = b.AddGroup(GroupOptions{Name: "web", Port: 1})
	assert.ErrorIs(t, err, ErrClosed)
	assert.ErrorIs(t, b.Register("x"), ErrClosed)
}

func TestDescribe(t *testing.T) {
	b, g := newPiped(t, Options{Name: "front", Account: "123456789012", Region: "us-west-2"})
	lb := b.Describe()
	assert.Regexp(t, `^arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/net/front/[0-9a-f]{16}$`, lb.ARN)
	assert.Regexp(t, `^arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/web/[0-9a-f]{16}$`, g.ARN)
	assert.Regexp(t, `^arn:aws:elasticloadbalancing:us-west-2:123456789012:listener/net/front/[0-9a-f]{16}/[0-9a-f]{16}$`, g.ListenerARN)
	assert.Equal(t, []string{"us-west-2a", "us-west-2b"}, lb.Zones)
	assert.Equal(t, "true", lb.Attributes[AttrCrossZone])
	assert.Equal(t, HealthCheck{"/healthz", 10 * time.Second, 6 * time.Second, 2, 2}, g.HealthCheck)
	assert.Equal(t, []Group{g}, b.Groups())
}
