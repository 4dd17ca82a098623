package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
)

// checkDisk returns an error if the file system on which the engine keeps images has less free space than the spec
// demands.
func (s imageStore) checkDisk(ctx context.Context, root string) error {
	free, where, err := s.freeDisk(ctx, root)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDisk, err)
	}
	if free < uint64(s.minFree) {
		return fmt.Errorf("%w: %s free on %s, %s wanted: remove old images (docker image prune -a) or grow the disk",
			ErrDisk, gib(free), where, gib(uint64(s.minFree)))
	}
	return nil
}

// freeDisk returns the free space of the folder, or of the nearest one above it that ordinary users may read, because the
// engine's own is root's.
func (s imageStore) freeDisk(ctx context.Context, folder string) (uint64, string, error) {
	for {
		free, err := s.conn.FreeDisk(ctx, folder)
		if !errors.Is(err, fs.ErrPermission) || folder == "/" {
			return free, folder, err
		}
		folder = path.Dir(folder)
	}
}

func gib(bytes uint64) string { return fmt.Sprintf("%.2f GiB", float64(bytes)/(1<<30)) }
