package remote

import (
	"context"
	"io/fs"
	"strings"
)

// MaxSize is the most that is read of a file or of a command's output, in
// bytes: 16 MiB, some hundred thousand rows of /proc/net/tcp.
const MaxSize = 16 << 20

// ReadFile reads a file on the instance: at most [MaxSize], else [ErrTooLarge].
// One under /proc is read to its end where none of its rows is longer than 512
// bytes. A missing file is fs.ErrNotExist, a forbidden one fs.ErrPermission.
func (c *Client) ReadFile(ctx context.Context, name string) ([]byte, error) {
	data, err := looking(ctx, c, func(s *session) ([]byte, error) { return s.readFile(name) })
	if err != nil {
		return nil, c.failed("read "+name+" on", err)
	}
	return data, nil
}

// Reread reads files that are looked at again and again, such as some under /proc, in
// that order: they stay open, and the next look at all of them takes one round trip.
// The content of one that is not there is nil; but where another has taken its name,
// this may still be the one that had it. Where some cannot be read the error says why,
// as that of [Client.ReadFile] does, and the contents of the others are there all the
// same; where the connection fails there are none.
func (c *Client) Reread(ctx context.Context, names ...string) ([][]byte, error) {
	contents, err := looking(ctx, c, func(s *session) ([][]byte, error) { return s.reread(names) })
	if err != nil {
		return contents, c.failed("read "+strings.Join(names, ", ")+" on", err)
	}
	return contents, nil
}

// Stat describes a file on the instance, following symbolic links.
func (c *Client) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	info, err := looking(ctx, c, func(s *session) (fs.FileInfo, error) { return s.stat(name) })
	if err != nil {
		return nil, c.failed("stat "+name+" on", err)
	}
	return info, nil
}

// FreeDisk is how many bytes of the file system that holds name are free for
// ordinary users. A server without statvfs@openssh.com, which OpenSSH's has, is
// [ErrUnsupported].
func (c *Client) FreeDisk(ctx context.Context, name string) (uint64, error) {
	free, err := looking(ctx, c, func(s *session) (uint64, error) { return s.freeDisk(name) })
	if err != nil {
		return 0, c.failed("ask for free disk of "+name+" on", err)
	}
	return free, nil
}
