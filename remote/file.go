package remote

import (
	"context"
	"io/fs"
)

// MaxSize is the most that is read of a file or of a command's output, in
// bytes: 16 MiB, some hundred thousand rows of /proc/net/tcp.
const MaxSize = 16 << 20

// ReadFile reads a file on the instance: at most [MaxSize], else [ErrTooLarge].
// One under /proc is read to its end where none of its rows is longer than 512
// bytes. A missing file is fs.ErrNotExist, a forbidden one fs.ErrPermission.
func (c *Client) ReadFile(ctx context.Context, name string) ([]byte, error) {
	data, err := looking(ctx, c.files, func(s *session) ([]byte, error) { return s.readFile(name) })
	if err != nil {
		return nil, c.failed("read "+name+" on", err)
	}
	return data, nil
}

// Reread is [Client.ReadFile] of a file that is looked at again and again, such as
// one under /proc: it stays open, and the next look takes one round trip. One that is
// not there any more is fs.ErrNotExist; but if another has taken its name, this may
// still be the one that had it.
func (c *Client) Reread(ctx context.Context, name string) ([]byte, error) {
	data, err := looking(ctx, c.files, func(s *session) ([]byte, error) { return s.reread(name) })
	if err != nil {
		return nil, c.failed("read "+name+" on", err)
	}
	return data, nil
}

// Stat describes a file on the instance, following symbolic links.
func (c *Client) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	info, err := looking(ctx, c.files, func(s *session) (fs.FileInfo, error) { return s.stat(name) })
	if err != nil {
		return nil, c.failed("stat "+name+" on", err)
	}
	return info, nil
}

// FreeDisk is how many bytes of the file system that holds name are free for
// ordinary users. A server without statvfs@openssh.com, which OpenSSH's has, is
// [ErrUnsupported].
func (c *Client) FreeDisk(ctx context.Context, name string) (uint64, error) {
	free, err := looking(ctx, c.files, func(s *session) (uint64, error) { return s.freeDisk(name) })
	if err != nil {
		return 0, c.failed("ask for free disk of "+name+" on", err)
	}
	return free, nil
}
