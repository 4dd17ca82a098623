// Package balancer is a model of an AWS Network Load Balancer: it forwards real
// TCP, really checks health over HTTP, and lies as the real one does.
//
// What the API says of a target and where connections go are two things:
//
//   - A deregistered target is called draining at once and goes on getting new
//     connections for about two minutes (kubernetes-sigs/aws-load-balancer-controller#2366).
//   - A registered target is called healthy after its checks, and gets its first
//     connection only once the registration has reached the data plane (the same,
//     and awsdocs/elb-network-load-balancers-user-guide#11).
//   - An unhealthy target gets new connections for a little longer.
//   - Open flows stay with their target, also while it drains.
//   - With no healthy target all of them get traffic (fail-open).
//
// Times are given as they are in AWS and divided by [Options.Factor]. The life of
// one target is a function of time without sockets (target.go); checks, listeners
// and flows are built around it.
package balancer
