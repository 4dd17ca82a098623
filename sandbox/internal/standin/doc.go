// Package standin replaces a service by a web server that serves the service's paths, counts its connections, drains on
// one signal and stops gracefully on another. It runs as a container's process, whose main package is program, or inside
// the sandbox's own process for hollow instances.
//
// The response to the health path is 200, that to the version path is a JSON object with the commit and the count, and
// that to every other path has the service's name and commit. The signals that start and end draining are the service's.
// Any other signal that ends a program stops the stand-in: it accepts no new connection, lets each response end its
// connection, and completes the requests in flight. So clients that keep connections lose no request even if the service
// has no signal to drain. [Config] has its variables. PORT, LISTEN_HOST and GIT_COMMIT are set in every image of the
// sandbox.
//
// The sandbox compiles the package from its embedded source, so it imports the standard library only.
package standin
