package engine

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/moby/moby/api/types/network"
)

// binding is one TCP port of a running container.
type binding struct {
	port int // of the container
	host int // of the instance; 0 if the port is not published
	real int // of this machine
	ip   netip.Addr
}

// firstDynamicPort is the lowest host port that the engine chooses.
const firstDynamicPort = 32768

// bind chooses the host port and the real port of each of the container's ports. It returns an error if another
// container has a requested host port. The caller holds the lock of the containers.
func (s *supervisor) bind(c *unit) ([]binding, error) {
	var bound []binding
	for port := range c.config.ExposedPorts {
		if port.Proto() != network.TCP {
			continue
		}
		published, err := s.bindPort(c, port, bound)
		if err != nil {
			return nil, err
		}
		bound = append(bound, published...)
	}
	slices.SortFunc(bound, func(a, b binding) int { return a.port - b.port })
	return bound, nil
}

// bindPort returns the bindings of one port of the container: several if it is published on several host ports.
func (s *supervisor) bindPort(c *unit, port network.Port, taken []binding) ([]binding, error) {
	number := int(port.Num())
	if c.host.NetworkMode.IsHost() {
		real, err := s.ports.port(strconv.Itoa(number))
		return []binding{{port: number, host: number, real: real}}, err
	}
	wanted := c.host.PortBindings[port]
	if len(wanted) == 0 && c.host.PublishAllPorts {
		wanted = []network.PortBinding{{}}
	}
	if len(wanted) == 0 {
		real, err := s.ports.port(c.id + "/" + port.String())
		return []binding{{port: number, real: real}}, err
	}
	var bound []binding
	for _, w := range wanted {
		host, err := s.hostPort(c, w, append(slices.Clone(taken), bound...))
		if err != nil {
			return nil, err
		}
		// A program listens on one real port, so every host port leads to the first one's.
		real, err := s.ports.port(strconv.Itoa(host))
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

// hostPort returns the requested host port, or a free one if any will do.
func (s *supervisor) hostPort(c *unit, w network.PortBinding, taken []binding) (int, error) {
	if w.HostPort == "" || w.HostPort == "0" {
		port := firstDynamicPort
		for s.containers.holderOf(port) != nil || slices.ContainsFunc(taken, func(b binding) bool { return b.host == port }) {
			port++
		}
		return port, nil
	}
	port, err := strconv.Atoi(w.HostPort)
	if err != nil || port < 1 || port > 65535 {
		return 0, badRequest("invalid port specification: %q", w.HostPort)
	}
	if holder := s.containers.holderOf(port); holder != nil && holder != c {
		ip := w.HostIP
		if !ip.IsValid() {
			ip = netip.IPv4Unspecified()
		}
		return 0, internal("failed to set up container networking: driver failed programming external connectivity on endpoint %s (%s): "+
			"Bind for %s:%d failed: port is already allocated", c.name, c.id, ip, port)
	}
	return port, nil
}

// portMap returns the published ports in the form that inspect has.
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
