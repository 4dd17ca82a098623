// Package standin stands in for a service: a web server that answers the service's paths, counts its connections,
// drains on a signal and stops gracefully on another. It runs as a container's process, which package program in it
// is the main of, or inside of the sandbox's own process, for hollow instances.
//
// The health path is answered with 200, the version path with a JSON object of the commit and the count, and every other
// path with the service's name and commit. The signal that drains and the one that takes it back are the service's; any
// other signal that ends a program ends it: no new connection is accepted, each answer ends its connection, and requests
// in flight are answered. So clients that keep connections lose no request although the service may have no signal to
// drain. Its variables are in [Config]; PORT, LISTEN_HOST
// and GIT_COMMIT are those of every image of the sandbox.
//
// The sandbox compiles the package from its embedded source, so it imports the standard library only.
package standin
