package engine

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
)

var validName = regexp.MustCompile(`^/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$`)

func (e *Engine) createContainer(w http.ResponseWriter, r *http.Request) error {
	request := container.CreateRequest{Config: &container.Config{}, HostConfig: &container.HostConfig{}}
	if err := readJSON(w, r, &request); err != nil {
		return err
	}
	if request.Config == nil || request.HostConfig == nil {
		return badRequest("Config and HostConfig must not be null")
	}
	name := r.URL.Query().Get("name")
	if name != "" && !validName.MatchString(name) {
		return badRequest("Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name)
	}
	image, err := e.images.find(request.Config.Image)
	if err != nil {
		return err
	}
	c, err := newUnit(image, *request.Config, *request.HostConfig)
	if err != nil {
		return err
	}
	if err := e.checkMounts(c); err != nil {
		return err
	}
	if err := e.enroll(c, strings.TrimPrefix(name, "/")); err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, container.CreateResponse{ID: c.id, Warnings: []string{}})
	return nil
}

// enroll gives the container its name, unless another has it.
func (e *Engine) enroll(c *unit, name string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return internal("the engine is shutting down")
	}
	if name == "" {
		name = "sandbox_" + c.id[:8]
	}
	if err := e.nameFree(name); err != nil {
		return err
	}
	c.name = name
	e.containers[c.id] = c
	return nil
}

// nameFree is called with mu held.
func (e *Engine) nameFree(name string) error {
	for _, c := range e.containers {
		if c.name == name {
			return conflict("Conflict. The container name %q is already in use by container %q. "+
				"You have to remove (or rename) that container to be able to reuse that name.", "/"+name, c.id)
		}
	}
	return nil
}

func newUnit(image imageRecord, config container.Config, host container.HostConfig) (*unit, error) {
	if err := container.ValidateRestartPolicy(host.RestartPolicy); err != nil {
		return nil, badRequest("%v", err)
	}
	if host.RestartPolicy.Name == "" {
		host.RestartPolicy.Name = container.RestartPolicyDisabled
	}
	if host.AutoRemove && !host.RestartPolicy.IsNone() {
		return nil, badRequest("can't create 'AutoRemove' container with restart policy")
	}
	id := make([]byte, 32)
	_, _ = rand.Read(id) // never fails
	c := &unit{
		id: hex.EncodeToString(id), created: time.Now().UTC(), image: image, config: config, host: host,
		status: container.StateCreated, logs: newLogBuffer(), changed: make(chan struct{}),
	}
	if err := c.mergeImage(image.config.Config); err != nil {
		return nil, err
	}
	if c.config.Hostname == "" {
		c.config.Hostname = c.id[:12]
	}
	if c.config.StopSignal != "" {
		if _, err := ParseSignal(c.config.StopSignal); err != nil {
			return nil, err
		}
	}
	if len(c.command()) == 0 {
		return nil, badRequest("no command specified")
	}
	return c, nil
}

// mergeImage fills what the container leaves to its image, as the engine does
// (moby, daemon/commit.go, merge).
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

func (c *unit) command() []string { return slices.Concat(c.config.Entrypoint, c.config.Cmd) }

// checkMounts refuses a bind mount without a source, as the engine does for
// mounts; for Binds it makes the folder at start.
func (e *Engine) checkMounts(c *unit) error {
	for _, m := range c.host.Mounts {
		if m.Target == "" || !path.IsAbs(m.Target) {
			return badRequest("invalid mount config for type %q: invalid mount path: %q mount path must be absolute", m.Type, m.Target)
		}
		if err := e.checkBind(m); err != nil {
			return err
		}
	}
	for _, bind := range c.host.Binds {
		if _, err := parseBind(bind); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) checkBind(m mount.Mount) error {
	if m.Type != mount.TypeBind || (m.BindOptions != nil && m.BindOptions.CreateMountpoint) {
		return nil
	}
	if !path.IsAbs(m.Source) {
		return badRequest("invalid mount config for type %q: invalid mount path: %q mount path must be absolute", m.Type, m.Source)
	}
	_, err := e.root.Stat(rooted(m.Source))
	if errors.Is(err, fs.ErrNotExist) {
		return badRequest("invalid mount config for type %q: bind source path does not exist: %s", m.Type, m.Source)
	}
	if err != nil {
		return internal("look at mount source %s: %v", m.Source, err)
	}
	return nil
}

// rooted is an absolute path of the instance as a name in its root folder.
func rooted(p string) string {
	clean := strings.TrimPrefix(path.Clean("/"+p), "/")
	if clean == "" {
		return "."
	}
	return clean
}

// mergeEnv lets over replace what under sets, in a stable order.
func mergeEnv(under, over []string) []string {
	merged := slices.Clone(under)
	for _, pair := range over {
		key, _, set := strings.Cut(pair, "=")
		i := slices.IndexFunc(merged, func(o string) bool { k, _, _ := strings.Cut(o, "="); return k == key })
		switch {
		case !set && i >= 0: // a bare name unsets
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
