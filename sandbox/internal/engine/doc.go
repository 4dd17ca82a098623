// Package engine is the Docker Engine of one sandbox instance: it serves the Engine API (1.24 to 1.44) on any listener,
// pulls images from real registries, and runs containers as ordinary processes of this machine.
//
// # Containers
//
// The sandbox needs neither root nor namespaces nor Docker. A container is therefore the image's program, run in the
// folder to which the image was unpacked, with the environment of the image and of the container and nothing of the
// sandbox's own. The engine stores and shows a container's user, capabilities and resource limits, but does not apply
// them.
//
// # Ports and paths
//
// A program without a network and a mount namespace of its own cannot have the ports and the folders of its container. So
// each published or exposed TCP port gets a free loopback port of this machine (one for each host port of an instance,
// for as long as the engine exists), each mount is a folder under the instance's root, and the engine translates values
// of the environment at every start:
//
//   - A value that equals a container port becomes the real port: PORT=8080 is PORT=23417 in the process.
//   - A value that is a mount's target, or a path under it, becomes the folder on this machine:
//     LOG_DIR=/tmp/deployment-test is LOG_DIR=<root>/tmp/deployment-test.
//
// Inspect shows the values as the client gave them. Arguments are not translated. A program that does not read its port
// from the environment listens on this machine's port of that number, where the sandbox does not reach it.
package engine
