// Package engine is the Docker Engine of one sandbox instance: the Engine API
// (1.24 to 1.44) over any listener, images pulled from real registries, and
// containers that are ordinary processes of this machine.
//
// # What a container is
//
// There is no root, no namespace and no Docker here, so a container is the
// image's program, run from the folder the image was unpacked to, with the
// image's and the container's environment and nothing of the parent's. A
// container's user, capabilities and resource limits are kept and shown, and
// do nothing.
//
// # Ports and paths
//
// Without a network and a mount namespace of its own, a program cannot have
// the port and the folders it is told. So each published or exposed TCP port
// gets a free loopback port of this machine (chosen once for each host port of
// an instance), each mount is a folder under the instance's root, and values
// in the environment are translated at start:
//
//   - a value that equals a container port becomes the real port: PORT=8080 is
//     PORT=23417 in the process;
//   - a value that is a mount's target, or a path under it, becomes the real
//     place: LOG_DIR=/tmp/deployment-test is LOG_DIR=<root>/tmp/deployment-test.
//
// Inspect shows the values as they were given. Arguments are not translated.
// An image whose program does not take its port from the environment listens
// on the machine's own port of that number and is not reached.
package engine
