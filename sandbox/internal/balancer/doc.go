// Package balancer is a model of an AWS Network Load Balancer. It forwards real TCP connections, makes real health checks
// over HTTP, and has the same gap between its API and its data plane as the real one.
//
// The API's state of a target and its connections differ in these ways:
//
//   - A deregistered target is draining at once, but gets new connections for about two more minutes
//     (kubernetes-sigs/aws-load-balancer-controller#2366).
//   - A registered target is healthy once its checks have passed, but gets its first connection only when the registration
//     has reached the data plane (the same issue, and awsdocs/elb-network-load-balancers-user-guide#11).
//   - An unhealthy target gets new connections for a little longer.
//   - Open flows stay with their target, also while it drains.
//   - If no target is healthy, all of them get traffic (fail-open).
//
// Times are given as in AWS and divided by [Options.Factor]. The state of one target is a function of time without sockets
// (target.go), and the checks, listeners and flows use it.
package balancer
