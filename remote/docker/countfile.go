package docker

import (
	"bytes"
	"context"
	"errors"
	"path"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
)

// findCount looks once whether the instance has the service's count in a file, after
// the service said what it is: a file that holds less is an old one.
func (h *Host) findCount(ctx context.Context, s *serving, opened uint64) {
	if s.count.known {
		return
	}
	if found, err := h.readCount(ctx, s.countFile); err == nil && found >= opened {
		s.count.file = s.countFile
	}
}

var errNoCount = errors.New("there is no count in the file")

// readCount reads a count from a file of the service's. What else it holds is never
// told: the service may name any file.
func (h *Host) readCount(ctx context.Context, name string) (uint64, error) {
	if name == "" {
		return 0, errNoCount
	}
	data, err := h.conn.Reread(ctx, name)
	if err != nil {
		return 0, err
	}
	count, err := strconv.ParseUint(string(bytes.TrimSpace(data)), 10, 64)
	if err != nil {
		return 0, errNoCount
	}
	return count, nil
}

// onInstance is where the instance has a file of a container; empty where no mount
// holds it.
func onInstance(mounts []container.MountPoint, name string) string {
	if !path.IsAbs(name) {
		return ""
	}
	name = path.Clean(name)
	found, deepest := "", -1
	for _, m := range mounts {
		target := path.Clean(m.Destination)
		rest, inside := strings.CutPrefix(name, strings.TrimSuffix(target, "/")+"/")
		if inside && path.IsAbs(m.Source) && len(target) > deepest {
			found, deepest = path.Join(m.Source, rest), len(target)
		}
	}
	return found
}
