package remote

import (
	"context"
	"io/fs"

	"github.com/pkg/sftp"
)

// MaxSize is the most that is read of a file or of a command's output, in bytes: 16 MiB, some hundred thousand rows of
// /proc/net/tcp.
const MaxSize = 16 << 20

// ReadFile reads a file on the instance to its end, also one under /proc, whose size nobody knows before. A file of more
// than [MaxSize] fails with [ErrTooLarge], a missing one with fs.ErrNotExist, a forbidden one with fs.ErrPermission.
func (c *Client) ReadFile(ctx context.Context, name string) ([]byte, error) {
	data, err := withSFTP(ctx, c, func(s *sftp.Client) ([]byte, error) { return readFile(s, name) })
	if err != nil {
		return nil, c.failed("read "+name+" on", err)
	}
	return data, nil
}

// Stat describes a file on the instance, following symbolic links.
func (c *Client) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	info, err := withSFTP(ctx, c, func(s *sftp.Client) (fs.FileInfo, error) { return s.Stat(name) })
	if err != nil {
		return nil, c.failed("stat "+name+" on", err)
	}
	return info, nil
}

// FreeDisk returns how many bytes of the file system that holds name are free for ordinary users. It needs the extension
// statvfs@openssh.com, which OpenSSH's server has; without it FreeDisk fails with [ErrUnsupported].
func (c *Client) FreeDisk(ctx context.Context, name string) (uint64, error) {
	free, err := withSFTP(ctx, c, func(s *sftp.Client) (uint64, error) { return freeDisk(s, name) })
	if err != nil {
		return 0, c.failed("read the free disk space of "+name+" on", err)
	}
	return free, nil
}
