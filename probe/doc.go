// Package probe sends requests through a load balancer while a release rolls
// out behind it, and counts what failed.
//
// It speaks HTTP/1.1 on raw connections and never repeats a request: net/http's
// client silently sends a GET again when a reused connection turns out to be
// closed, which is just the failure a deploy must not cause. There are two
// kinds of clients. New connections are opened at a fixed rate whatever the
// server does (an open loop: a slow server is not spared), one request on each.
// Keep-alive clients hold a connection each and send a request an interval; they
// honour "Connection: close", and a server that closes under them without having
// announced it is a failed request.
package probe
