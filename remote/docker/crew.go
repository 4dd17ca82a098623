package docker

import (
	"context"
	"fmt"
	"slices"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// crew are the containers that matter on an instance, at one look. Any may be
// nil.
type crew struct {
	// current holds the service's port, or its name.
	current *container.Summary
	// previous and next carry the names that mark where a swap stands.
	previous, next *container.Summary
	// all are all containers of the instance.
	all []container.Summary
}

// containers finds the service's containers on an instance.
type containers struct {
	engine *engine
	spec   Spec
}

// look lists the containers and finds the crew.
func (f containers) look(ctx context.Context) (crew, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	list, err := f.engine.ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		return crew{}, fmt.Errorf("list containers: %w", err)
	}
	c := crew{all: list.Items}
	c.previous = c.named(f.spec.previous())
	c.next = c.named(f.spec.next())
	c.current = c.holder(uint16(f.spec.HostPort))
	if c.current == nil {
		c.current = c.named(f.spec.Name)
	}
	return c, nil
}

func (c crew) named(name string) *container.Summary {
	i := slices.IndexFunc(c.all, func(s container.Summary) bool { return slices.Contains(s.Names, "/"+name) })
	if i < 0 {
		return nil
	}
	return &c.all[i]
}

// holder is the running container that publishes the port, whatever it is
// called: the service, unless its name says that it is being swapped.
func (c crew) holder(port uint16) *container.Summary {
	for i := range c.all {
		s := &c.all[i]
		if running(s) && publishes(s, port) && !same(s, c.previous) && !same(s, c.next) {
			return s
		}
	}
	return nil
}

// serving is whichever container runs now.
func (c crew) serving() *container.Summary {
	for _, s := range []*container.Summary{c.current, c.next, c.previous} {
		if running(s) {
			return s
		}
	}
	return nil
}

func publishes(s *container.Summary, port uint16) bool { return containerPort(s, port) != 0 }

// containerPort is the port inside the container that the instance's port leads
// to; zero where none does.
func containerPort(s *container.Summary, port uint16) int {
	for _, p := range s.Ports {
		if p.PublicPort == port && p.Type == "tcp" {
			return int(p.PrivatePort)
		}
	}
	return 0
}

func running(s *container.Summary) bool {
	return s != nil && (s.State == container.StateRunning || s.State == container.StatePaused)
}

func same(a, b *container.Summary) bool { return a != nil && b != nil && a.ID == b.ID }
