// Package sandbox is a whole environment on this machine: an AWS endpoint, an
// image registry, a Network Load Balancer that forwards, and instances with SSH
// and a Docker Engine. They run any service: a Go program of the caller's, or a
// stand-in that answers the service's paths. See [Service]. It needs nothing but Go.
//
// Only the far ends are substitutes. HTTP, SSH, SFTP, the Docker API, the OCI
// registry protocol and TCP are really spoken over loopback sockets, by the same
// code that speaks to AWS; [Environment.Fleet] and [Environment.Env] are all a
// deploy needs to know. The load balancer's lags are the real ones divided by
// [Options.Factor], and what can go wrong is switched on by name: [Environment.Fault].
package sandbox
