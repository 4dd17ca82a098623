// Package docker puts a container release on one instance, through the instance's own Docker Engine: it pulls by
// digest, swaps, proves, and goes back.
//
// [Open] uses the Engine API through the SSH connection that it is given, so that nothing is installed on the instance
// and nothing passes through a shell. [Host] is a rollout.Host.
//
// How far a swap has come is recorded on the engine itself, so that any process can finish or undo it. With NAME the
// container's name in the [Spec]:
//
//   - NAME-next is the new container, created and not yet in service;
//   - NAME-previous is the old one: its stop was requested, whether it runs or not;
//   - NAME is the one in service.
//
// A container that has the service's port under another name, or without our labels, is adopted as the old one. If it
// is put back, its name is NAME.
package docker
