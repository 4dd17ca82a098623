// Package wire models the network of one sandbox instance: the ports that are served, their real loopback addresses, and
// the connections that a container's kernel would show in /proc/<pid>/net.
//
// The load balancer and SSH forwards connect to an instance through its [Network]. It connects to the program's real
// address and adds the connection to the [Stack] of the container that serves the port, which models that container's
// network namespace. A connection is counted when it is dialed, and is ESTABLISHED until either side sends FIN. Its peer
// is the address that the container would see, which is the client's own if the load balancer preserves it.
package wire
