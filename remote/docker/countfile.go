package docker

import (
	"bytes"
	"context"
	"path"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
)

// findCount looks once whether the instance has the service's count in a file, after
// the service said what it is: a file that holds less is an old one.
func (h *Host) findCount(ctx context.Context, s *serving, opened uint64) {
	if s.count.known || s.countFile == "" {
		return
	}
	contents, err := h.conn.Reread(ctx, s.countFile)
	if err != nil {
		return // the service can be asked
	}
	if found, holds := parseCount(contents[0]); holds && found >= opened {
		s.count.file = s.countFile
	}
}

// parseCount reads a count from a file of the service's. What else it holds is never
// told: the service may name any file.
func parseCount(data []byte) (count uint64, holds bool) {
	count, err := strconv.ParseUint(string(bytes.TrimSpace(data)), 10, 64)
	return count, err == nil
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
