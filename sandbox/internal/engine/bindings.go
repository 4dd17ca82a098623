package engine

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/moby/moby/api/types/network"

	"github.com/growl-dev/deploy/sandbox/internal/wire"
)

// binding is one TCP port of a running container.
type binding struct {
	port int // the container's
	host int // the instance's, 0 where it is not published
	real int // this machine's
	ip   netip.Addr
}

// firstDynamicPort is where host ports that the engine chooses begin.
const firstDynamicPort = 32768

// bind gives the container's ports their host and real ports. It is called
// with mu held, and fails where another container has a host port.
func (e *Engine) bind(c *unit) ([]binding, error) {
	var bound []binding
	for port := range c.config.ExposedPorts {
		if port.Proto() != network.TCP {
			continue
		}
		published, err := e.bindPort(c, port, bound)
		if err != nil {
			return nil, err
		}
		bound = append(bound, published...)
	}
	slices.SortFunc(bound, func(a, b binding) int { return a.port - b.port })
	return bound, nil
}

func (e *Engine) bindPort(c *unit, port network.Port, taken []binding) ([]binding, error) {
	number := int(port.Num())
	if c.host.NetworkMode.IsHost() {
		real, err := e.ports.port(strconv.Itoa(number))
		return []binding{{port: number, host: number, real: real}}, err
	}
	wanted := c.host.PortBindings[port]
	if len(wanted) == 0 && c.host.PublishAllPorts {
		wanted = []network.PortBinding{{}}
	}
	if len(wanted) == 0 {
		real, err := e.ports.port(c.id + "/" + port.String())
		return []binding{{port: number, real: real}}, err
	}
	var bound []binding
	for _, w := range wanted {
		host, err := e.hostPort(c, w, append(slices.Clone(taken), bound...))
		if err != nil {
			return nil, err
		}
		// A program has one real port: that of the first host port it is bound to.
		real, err := e.ports.port(strconv.Itoa(host))
		if err != nil {
			return nil, err
		}
		if len(bound) > 0 {
			real = bound[0].real
		}
		bound = append(bound, binding{port: number, host: host, real: real, ip: w.HostIP})
	}
	return bound, nil
}

func (e *Engine) hostPort(c *unit, w network.PortBinding, taken []binding) (int, error) {
	if w.HostPort == "" || w.HostPort == "0" {
		port := firstDynamicPort
		for e.holder(port) != nil || slices.ContainsFunc(taken, func(b binding) bool { return b.host == port }) {
			port++
		}
		return port, nil
	}
	port, err := strconv.Atoi(w.HostPort)
	if err != nil || port < 1 || port > 65535 {
		return 0, badRequest("invalid port specification: %q", w.HostPort)
	}
	if holder := e.holder(port); holder != nil && holder != c {
		ip := w.HostIP
		if !ip.IsValid() {
			ip = netip.IPv4Unspecified()
		}
		return 0, internal("failed to set up container networking: driver failed programming external connectivity on endpoint %s (%s): "+
			"Bind for %s:%d failed: port is already allocated", c.name, c.id, ip, port)
	}
	return port, nil
}

// holder is the container that has the host port through the bridge.
func (e *Engine) holder(port int) *unit {
	for _, c := range e.containers {
		if c.proc == nil || c.host.NetworkMode.IsHost() {
			continue
		}
		if slices.ContainsFunc(c.bound, func(b binding) bool { return b.host == port }) {
			return c
		}
	}
	return nil
}

// freeAddr is the lowest address no container has.
func (e *Engine) freeAddr() netip.Addr {
	addr := wire.FirstContainer
	for {
		used := false
		for _, c := range e.containers {
			used = used || (c.proc != nil && c.addr == addr)
		}
		if !used {
			return addr
		}
		addr = addr.Next()
	}
}

// portMap is what the container has bound now, for inspect.
func (c *unit) portMap() network.PortMap {
	ports := network.PortMap{}
	if c.proc == nil || c.host.NetworkMode.IsHost() {
		return ports
	}
	for port := range c.config.ExposedPorts {
		ports[port] = nil
	}
	for _, b := range c.bound {
		if b.host == 0 {
			continue
		}
		ip := b.ip
		if !ip.IsValid() {
			ip = netip.IPv4Unspecified()
		}
		port, _ := network.PortFrom(uint16(b.port), network.TCP)
		ports[port] = append(ports[port], network.PortBinding{HostIP: ip, HostPort: strconv.Itoa(b.host)})
	}
	return ports
}
