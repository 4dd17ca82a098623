package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
)

// checkMounts returns an error if a mount of a new container is invalid. As in Docker, the source of an entry of Mounts
// must exist, and the source of an entry of Binds is made at start.
func (s *supervisor) checkMounts(c *unit) error {
	for _, m := range c.host.Mounts {
		if m.Target == "" || !path.IsAbs(m.Target) {
			return badRequest("invalid mount config for type %q: invalid mount path: %q mount path must be absolute", m.Type, m.Target)
		}
		if err := s.checkBind(m); err != nil {
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

// rooted turns an absolute path of the instance into a name relative to its root folder.
func rooted(p string) string {
	clean := strings.TrimPrefix(path.Clean("/"+p), "/")
	if clean == "" {
		return "."
	}
	return clean
}

// mountPoints returns the container's mounts as inspect shows them, with paths of the instance.
func (c *unit) mountPoints() []container.MountPoint {
	points := []container.MountPoint{}
	for _, m := range c.host.Mounts {
		p := container.MountPoint{Type: m.Type, Source: m.Source, Destination: m.Target, RW: !m.ReadOnly}
		switch m.Type {
		case mount.TypeBind:
			p.Propagation = mount.PropagationRPrivate
		case mount.TypeVolume:
			p.Name, p.Driver, p.Source = m.Source, "local", volumeFolder(m.Source)
		}
		points = append(points, p)
	}
	for _, bind := range c.host.Binds {
		if p, err := parseBind(bind); err == nil { // checked at creation
			points = append(points, p)
		}
	}
	return points
}

func volumeFolder(name string) string {
	return path.Join("/var/lib/docker/volumes", path.Clean("/"+name), "_data")
}

// parseBind parses source:target[:options]. A source that is not an absolute path is the name of a volume.
func parseBind(bind string) (container.MountPoint, error) {
	source, rest, ok := strings.Cut(bind, ":")
	target, options, _ := strings.Cut(rest, ":")
	if !ok || source == "" || !path.IsAbs(target) {
		return container.MountPoint{}, badRequest("invalid volume specification: '%s'", bind)
	}
	p := container.MountPoint{Type: mount.TypeBind, Source: source, Destination: target, RW: true, Mode: options, Propagation: mount.PropagationRPrivate}
	for _, o := range strings.Split(options, ",") {
		if o == "ro" {
			p.RW = false
		}
	}
	if !path.IsAbs(source) {
		p.Type, p.Name, p.Driver, p.Source, p.Propagation = mount.TypeVolume, source, "local", volumeFolder(source), ""
	}
	return p, nil
}

// mounted is a mount of a process: the path in the container and the folder on this machine.
type mounted struct{ target, real string }

// prepareMounts returns the folder on this machine of each mount, and makes those of Binds and volumes if they do not
// exist.
func (s *supervisor) prepareMounts(c *unit) ([]mounted, error) {
	for _, m := range c.host.Mounts {
		if err := s.checkBind(m); err != nil {
			return nil, err
		}
	}
	var list []mounted
	for _, p := range c.mountPoints() {
		if p.Type == mount.TypeTmpfs {
			p.Source = path.Join("/var/lib/docker/tmpfs", c.id[:12], p.Destination)
		}
		name := rooted(p.Source)
		if _, err := s.root.Stat(name); err != nil {
			if err := s.root.MkdirAll(name, 0o755); err != nil {
				return nil, fmt.Errorf("error while creating mount source path '%s': %w", p.Source, err)
			}
		}
		list = append(list, mounted{target: path.Clean(p.Destination), real: filepath.Join(s.opts.Root, filepath.FromSlash(name))})
	}
	return list, nil
}

// checkBind returns an error if the source of a bind mount does not exist and is not to be made.
func (s *supervisor) checkBind(m mount.Mount) error {
	if m.Type != mount.TypeBind || (m.BindOptions != nil && m.BindOptions.CreateMountpoint) {
		return nil
	}
	if !path.IsAbs(m.Source) {
		return badRequest("invalid mount config for type %q: invalid mount path: %q mount path must be absolute", m.Type, m.Source)
	}
	_, err := s.root.Stat(rooted(m.Source))
	if errors.Is(err, fs.ErrNotExist) {
		return badRequest("invalid mount config for type %q: bind source path does not exist: %s", m.Type, m.Source)
	}
	if err != nil {
		return internal("read mount source %s: %v", m.Source, err)
	}
	return nil
}
