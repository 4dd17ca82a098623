package remote

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// WriteFile replaces a file on the instance atomically: readers see the old
// content or the new, whole. Nobody but the owner can open the new file before
// it has its mode and its name.
func (c *Client) WriteFile(ctx context.Context, name string, data []byte, mode fs.FileMode) error {
	ctx, cancel := c.use(ctx)
	defer cancel()
	err := awaitEnd(ctx, func() error { return replaceFile(ctx, c.ssh, name, data, mode) })
	if err != nil {
		return c.failed("write "+name+" on", err)
	}
	return nil
}

// replaceFile writes over an SFTP session of its own, which ends with ctx.
func replaceFile(ctx context.Context, connection ssh.Conn, name string, data []byte, mode fs.FileMode) error {
	s, err := openSFTP(connection)
	if err != nil {
		return fmt.Errorf("open SFTP session: %w", err)
	}
	defer s.Close()
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	_, err = guarded(s, func(s *sftp.Client) (struct{}, error) { return struct{}{}, writeFile(s, name, data, mode) })
	return err
}

// writeFile makes the file inside a directory of its own. The library's open takes no mode, so that others could open a
// file beside its target before it is closed to them, and go on reading it afterwards.
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
