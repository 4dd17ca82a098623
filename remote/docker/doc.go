// Package docker puts a container release on one instance, through the instance's
// own Docker Engine: pull by digest, swap, prove, go back.
//
// [Open] speaks the Engine API through the SSH connection it is given, so
// nothing is installed on the instance and nothing passes through a shell.
// [Host] is a rollout.Host.
//
// Where a swap stands is written on the engine itself, so that any process can
// finish or undo it. With NAME the container's name in the [Spec]:
//
//   - NAME-next is the new container, created and not yet in service;
//   - NAME-previous is the old one: its stop was asked for, running or not;
//   - NAME is the one in service.
//
// A container that holds the service's port under another name, or without our
// labels, is adopted as the old one; put back, it is called NAME.
package docker
