// Package sandbox is a whole environment on this machine: an AWS endpoint, an image registry, a Network Load Balancer that
// forwards, and instances with SSH and a Docker Engine. The environment runs any service: a Go program of the caller's, or
// a stand-in that answers the service's paths. See [Service]. It needs only Go.
//
// Only the far ends are substitutes. The code that deploys to AWS uses the same protocols here, which are HTTP, SSH, SFTP,
// the Docker API, the OCI registry protocol and TCP over loopback sockets. [Environment.Fleet] and [Environment.Env] are all
// that a deploy needs. The load balancer's lags are the real ones divided by [Options.Factor], and [Environment.Fault]
// makes things go wrong.
package sandbox
