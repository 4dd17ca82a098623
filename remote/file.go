package remote

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/pkg/sftp"
)

// MaxSize is the most that is read of a file or of a command's output, in
// bytes: 16 MiB, some hundred thousand rows of /proc/net/tcp.
const MaxSize = 16 << 20

// ReadFile reads a file on the instance: at most [MaxSize], else [ErrTooLarge].
// Files under /proc are read to their end. A missing file is fs.ErrNotExist, a
// forbidden one fs.ErrPermission.
func (c *Client) ReadFile(ctx context.Context, name string) ([]byte, error) {
	read := make(chan []byte, 2)
	err := c.files.do(ctx, func(s *sftp.Client) error {
		data, err := readFile(s, name)
		if err == nil {
			read <- data
		}
		return err
	})
	if err != nil {
		return nil, c.failed("read "+name+" on", err)
	}
	return <-read, nil
}

func readFile(s *sftp.Client, name string) ([]byte, error) {
	file, err := s.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var data bytes.Buffer
	data.Grow(page)
	if _, err := data.ReadFrom(io.LimitReader(file, MaxSize+1)); err != nil {
		return nil, err
	}
	if data.Len() > MaxSize {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxSize)
	}
	return data.Bytes(), nil
}

// page is what Linux hands out of a file under /proc at once, in bytes: to ask for
// less only takes more round trips.
const page = 4 << 10

// WriteFile replaces a file on the instance atomically: readers see the old
// content or the new, whole. Nobody but the owner can open the new file before
// it has its mode and its name.
func (c *Client) WriteFile(ctx context.Context, name string, data []byte, mode fs.FileMode) error {
	err := c.files.do(ctx, func(s *sftp.Client) error { return writeFile(s, name, data, mode) })
	if err != nil {
		return c.failed("write "+name+" on", err)
	}
	return nil
}

// writeFile makes the file inside a directory of its own. SFTP's open takes no
// mode here, so a file made beside its target would be readable by others for a
// moment, and who opened it then could read on after the chmod.
func writeFile(s *sftp.Client, name string, data []byte, mode fs.FileMode) (err error) {
	room := path.Join(path.Dir(name), "."+path.Base(name)+"."+rand.Text())
	if err := s.Mkdir(room); err != nil {
		return fmt.Errorf("make %s: %w", room, err)
	}
	temporary := path.Join(room, "new")
	defer func() {
		if err != nil {
			_ = s.Remove(temporary)
		}
		err = errors.Join(err, s.RemoveDirectory(room))
	}()
	if err := s.Chmod(room, 0o700); err != nil {
		return fmt.Errorf("close %s to others: %w", room, err)
	}
	if err := fill(s, temporary, data, mode); err != nil {
		return err
	}
	if _, ok := s.HasExtension("posix-rename@openssh.com"); !ok {
		return fmt.Errorf("replace a file atomically: %w", ErrUnsupported)
	}
	return s.PosixRename(temporary, name)
}

func fill(s *sftp.Client, name string, data []byte, mode fs.FileMode) error {
	file, err := s.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if _, ok := s.HasExtension("fsync@openssh.com"); ok && err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = file.Chmod(mode.Perm())
	}
	return errors.Join(err, file.Close())
}

// Stat describes a file on the instance, following symbolic links.
func (c *Client) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	found := make(chan fs.FileInfo, 2)
	err := c.files.do(ctx, func(s *sftp.Client) error {
		info, err := s.Stat(name)
		if err == nil {
			found <- info
		}
		return err
	})
	if err != nil {
		return nil, c.failed("stat "+name+" on", err)
	}
	return <-found, nil
}

// FreeDisk is how many bytes of the file system that holds name are free for
// ordinary users. A server without statvfs@openssh.com, which OpenSSH's has, is
// [ErrUnsupported].
func (c *Client) FreeDisk(ctx context.Context, name string) (uint64, error) {
	free := make(chan uint64, 2)
	err := c.files.do(ctx, func(s *sftp.Client) error {
		if _, ok := s.HasExtension("statvfs@openssh.com"); !ok {
			return fmt.Errorf("statvfs@openssh.com: %w", ErrUnsupported)
		}
		vfs, err := s.StatVFS(name)
		if err == nil {
			free <- vfs.Bavail * vfs.Frsize
		}
		return err
	})
	if err != nil {
		return 0, c.failed("ask for free disk of "+name+" on", err)
	}
	return <-free, nil
}
