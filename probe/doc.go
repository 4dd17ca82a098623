// Package probe sends requests through a load balancer while a release rolls out behind it, and counts those that fail.
//
// It sends HTTP/1.1 on raw connections and never repeats a request, because net/http's client silently repeats a GET if
// a reused connection turns out to be closed, and that is exactly the failure that a deploy must not cause. There are
// two kinds of clients. New connections are opened at a fixed rate, one request on each. The rate does not depend on
// the answers (an open loop), so that a slow server gets no fewer requests. Keep-alive clients hold one connection each
// and send a request per interval. They honour "Connection: close"; if a server closes the connection without having
// announced it, the request fails.
package probe
