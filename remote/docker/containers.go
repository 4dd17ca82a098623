package docker

import (
	"context"
	"fmt"
	"slices"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// containers describes the containers on an instance at one moment. Each of the three may be nil.
type containers struct {
	// current publishes the service's port, or has its name.
	current *container.Summary
	// previous and next have the names that mark how far a swap has come.
	previous, next *container.Summary
	// all contains every container of the instance, the service's or not.
	all []container.Summary
}

// instance is an instance's Docker Engine, and the container that the service should have there.
type instance struct {
	engine *engine
	spec   Spec
}

// listContainers lists the containers and finds those of the service.
func (i instance) listContainers(ctx context.Context) (containers, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	list, err := i.engine.ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		return containers{}, fmt.Errorf("list containers: %w", err)
	}
	c := containers{all: list.Items}
	c.previous = c.named(i.spec.previous())
	c.next = c.named(i.spec.next())
	c.current = c.holder(uint16(i.spec.HostPort))
	if c.current == nil {
		c.current = c.named(i.spec.Name)
	}
	return c, nil
}

func (c containers) named(name string) *container.Summary {
	i := slices.IndexFunc(c.all, func(s container.Summary) bool { return slices.Contains(s.Names, "/"+name) })
	if i < 0 {
		return nil
	}
	return &c.all[i]
}

// holder returns the running container that publishes the port, whatever its name is, unless the name is one that marks a
// swap.
func (c containers) holder(port uint16) *container.Summary {
	for i := range c.all {
		s := &c.all[i]
		if running(s) && publishes(s, port) && !same(s, c.previous) && !same(s, c.next) {
			return s
		}
	}
	return nil
}

// serving returns the container that runs now; nil if none does.
func (c containers) serving() *container.Summary {
	for _, s := range []*container.Summary{c.current, c.next, c.previous} {
		if running(s) {
			return s
		}
	}
	return nil
}

// fresh returns the new container beside an old one, which has its name or the service's; nil if there is none.
func (c containers) fresh(old *container.Summary) *container.Summary {
	if c.next != nil || same(old, c.current) {
		return c.next
	}
	return c.current
}

func publishes(s *container.Summary, port uint16) bool { return containerPort(s, port) != 0 }

// containerPort returns the port inside the container that the instance's port leads to; zero if the container does not
// publish it.
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
