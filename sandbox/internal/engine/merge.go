package engine

import (
	"maps"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

// mergeImage sets what the container's configuration leaves to its image, by Docker's rules (moby, daemon/commit.go,
// merge).
func (c *unit) mergeImage(image v1.Config) error {
	if len(c.config.Entrypoint) == 0 {
		if len(c.config.Cmd) == 0 {
			c.config.Cmd = slices.Clone(image.Cmd)
		}
		if c.config.Entrypoint == nil {
			c.config.Entrypoint = slices.Clone(image.Entrypoint)
		}
	}
	c.config.Env = mergeEnv(image.Env, c.config.Env)
	c.config.Labels = mergeMaps(image.Labels, c.config.Labels)
	c.config.Volumes = mergeMaps(image.Volumes, c.config.Volumes)
	for _, into := range []struct {
		have *string
		from string
	}{{&c.config.User, image.User}, {&c.config.WorkingDir, image.WorkingDir}, {&c.config.StopSignal, image.StopSignal}} {
		if *into.have == "" {
			*into.have = into.from
		}
	}
	c.mergeHealth(image.Healthcheck)
	return c.mergePorts(image.ExposedPorts)
}

func (c *unit) mergePorts(exposed map[string]struct{}) error {
	ports := maps.Clone(c.config.ExposedPorts)
	if ports == nil {
		ports = network.PortSet{}
	}
	for text := range exposed {
		port, err := network.ParsePort(text)
		if err != nil {
			return badRequest("the image exposes %q: %v", text, err)
		}
		ports[port] = struct{}{}
	}
	for port := range c.host.PortBindings {
		ports[port] = struct{}{}
	}
	c.config.ExposedPorts = ports
	return nil
}

func (c *unit) mergeHealth(image *v1.HealthConfig) {
	if image == nil {
		return
	}
	if c.config.Healthcheck == nil {
		c.config.Healthcheck = &container.HealthConfig{}
	}
	h := c.config.Healthcheck
	if len(h.Test) == 0 {
		h.Test = slices.Clone(image.Test)
	}
	h.Interval = orDuration(h.Interval, image.Interval)
	h.Timeout = orDuration(h.Timeout, image.Timeout)
	h.StartPeriod = orDuration(h.StartPeriod, image.StartPeriod)
	if h.Retries == 0 {
		h.Retries = image.Retries
	}
}

func orDuration(d, otherwise time.Duration) time.Duration {
	if d != 0 {
		return d
	}
	return otherwise
}

func mergeMaps[V any](under, over map[string]V) map[string]V {
	merged := make(map[string]V, len(under)+len(over))
	maps.Copy(merged, under)
	maps.Copy(merged, over)
	return merged
}

// mergeEnv returns the variables of under, replaced and extended by those of over, in a stable order. A name without a
// value in over removes the variable.
func mergeEnv(under, over []string) []string {
	merged := slices.Clone(under)
	for _, pair := range over {
		key, _, set := strings.Cut(pair, "=")
		i := slices.IndexFunc(merged, func(o string) bool { k, _, _ := strings.Cut(o, "="); return k == key })
		switch {
		case !set && i >= 0:
			merged = slices.Delete(merged, i, i+1)
		case !set:
		case i >= 0:
			merged[i] = pair
		default:
			merged = append(merged, pair)
		}
	}
	return merged
}
