package engine

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
)

// mountPoints are the container's mounts as inspect shows them, with paths of
// the instance.
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

// parseBind reads source:target[:options], where a source that is not a path
// names a volume.
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

// mounted is a mount of a process: the container's path and its real place.
type mounted struct{ target, real string }

// prepareMounts finds the real place of each mount. A bind mount's source must
// be there; what Binds and volumes name is made.
func (e *Engine) prepareMounts(c *unit) ([]mounted, error) {
	for _, m := range c.host.Mounts {
		if err := e.checkBind(m); err != nil {
			return nil, err
		}
	}
	var list []mounted
	for _, p := range c.mountPoints() {
		if p.Type == mount.TypeTmpfs {
			p.Source = path.Join("/var/lib/docker/tmpfs", c.id[:12], p.Destination)
		}
		name := rooted(p.Source)
		if _, err := e.root.Stat(name); err != nil {
			if err := e.root.MkdirAll(name, 0o755); err != nil {
				return nil, fmt.Errorf("error while creating mount source path '%s': %w", p.Source, err)
			}
		}
		list = append(list, mounted{target: path.Clean(p.Destination), real: filepath.Join(e.opts.Root, filepath.FromSlash(name))})
	}
	return list, nil
}
