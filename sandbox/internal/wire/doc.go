// Package wire is the network of one sandbox instance: which of its ports are
// served, at which real loopback address, and what the kernel of a container
// would say of the connections in /proc/<pid>/net.
//
// Whoever connects to an instance (the load balancer, an SSH forward) dials
// through its [Network], which connects to the program's real address and
// notes the connection in the [Stack] of the container that serves the port:
// the model of that container's network namespace. A connection is counted
// as opened when it is dialed, is ESTABLISHED until either side's FIN, and is
// shown with the peer's address as the container would see it, which is the
// client's own behind a load balancer that preserves it.
package wire
