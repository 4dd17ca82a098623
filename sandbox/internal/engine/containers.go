package engine

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/growl-dev/deploy/sandbox/internal/wire"
)

// containerSet holds the containers of an engine. Its lock guards the set and the fields of every container in it,
// except the fields that do not change after the container was made.
type containerSet struct {
	mu     sync.Mutex
	byID   map[string]*unit
	closed bool
}

func newContainerSet() *containerSet { return &containerSet{byID: map[string]*unit{}} }

// close kills every process and refuses new containers. It reports whether this was the first call.
func (s *containerSet) close() (first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first, s.closed = !s.closed, true
	for _, c := range s.byID {
		if c.proc != nil {
			_ = c.proc.Kill()
		}
	}
	return first
}

// count returns the number of all containers and of the running ones.
func (s *containerSet) count() (all, running int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.byID {
		if c.running() {
			running++
		}
	}
	return len(s.byID), running
}

// holderOf returns the container to which the bridge network forwards the host port, or nil. The caller holds mu.
func (s *containerSet) holderOf(port int) *unit {
	for _, c := range s.byID {
		if c.proc == nil || c.host.NetworkMode.IsHost() {
			continue
		}
		if slices.ContainsFunc(c.bound, func(b binding) bool { return b.host == port }) {
			return c
		}
	}
	return nil
}

// freeAddr returns the lowest address that no running container has. The caller holds mu.
func (s *containerSet) freeAddr() netip.Addr {
	addr := wire.FirstContainer
	for {
		used := false
		for _, c := range s.byID {
			used = used || (c.proc != nil && c.addr == addr)
		}
		if !used {
			return addr
		}
		addr = addr.Next()
	}
}

// add adds the container under a name, or under a generated one if name is empty. It returns a conflict if another
// container has the name.
func (s *containerSet) add(c *unit, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return internal("the engine is shutting down")
	}
	if name == "" {
		name = "sandbox_" + c.id[:8]
	}
	if err := s.checkName(name); err != nil {
		return err
	}
	c.name = name
	s.byID[c.id] = c
	return nil
}

// checkName returns a conflict if a container has the name. The caller holds mu.
func (s *containerSet) checkName(name string) error {
	for _, c := range s.byID {
		if c.name == name {
			return conflict("Conflict. The container name %q is already in use by container %q. "+
				"You have to remove (or rename) that container to be able to reuse that name.", "/"+name, c.id)
		}
	}
	return nil
}

// stack returns the network namespace of the container whose process has this ID, and false if there is none.
func (s *containerSet) stack(pid int) (*wire.Stack, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.byID {
		if c.proc != nil && c.proc.PID() == pid {
			return c.stack, true
		}
	}
	return nil, false
}

// pids returns the process IDs of the running containers.
func (s *containerSet) pids() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var pids []int
	for _, c := range s.byID {
		if c.proc != nil {
			pids = append(pids, c.proc.PID())
		}
	}
	return pids
}

// find returns the container with this name, ID or unambiguous beginning of an ID. The caller holds mu.
func (s *containerSet) find(name string) (*unit, error) {
	name = strings.TrimPrefix(name, "/")
	if c, ok := s.byID[name]; ok {
		return c, nil
	}
	var found *unit
	for _, c := range s.byID {
		if c.name == name {
			return c, nil
		}
		if name != "" && strings.HasPrefix(c.id, name) {
			if found != nil {
				return nil, badRequest("Multiple IDs found with provided prefix: %s", name)
			}
			found = c
		}
	}
	if found == nil {
		return nil, notFound("No such container: %s", name)
	}
	return found, nil
}

// checkImageUnused returns a conflict if a container keeps the image from being removed: a running one always, a
// stopped one unless force is set. The caller holds mu and the lock of the images.
func (s *containerSet) checkImageUnused(r *imageRecord, force bool) error {
	for _, c := range s.byID {
		switch {
		case c.image.id != r.id:
		case c.running():
			return conflict("conflict: unable to delete %s (cannot be forced) - image is being used by running container %s", shortID(r.id), c.id[:12])
		case !force:
			return conflict("conflict: unable to delete %s (must be forced) - image is being used by stopped container %s", shortID(r.id), c.id[:12])
		}
	}
	return nil
}

// usesImage reports whether a container was made from the image.
func (s *containerSet) usesImage(imageID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.byID {
		if c.image.id == imageID {
			return true
		}
	}
	return false
}

// newestFirst returns all containers, the latest first. The caller holds mu.
func (s *containerSet) newestFirst() []*unit {
	var list []*unit
	for _, c := range s.byID {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *unit) int { return b.created.Compare(a.created) })
	return list
}

// delete removes the container from the set. The caller holds mu.
func (s *containerSet) delete(c *unit) {
	c.removed = true
	c.logs.close()
	delete(s.byID, c.id)
}

// await waits until the condition holds, and calls it with mu held at every change of the container. It returns the
// error of ctx if ctx ends before.
func (s *containerSet) await(ctx context.Context, c *unit, condition func() bool) error {
	for {
		s.mu.Lock()
		done, changed := condition(), c.changed
		s.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
