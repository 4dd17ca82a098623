package remote

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// files holds the SFTP session of a connection. The session is opened when it is first needed, and again after it has
// failed. Several calls can use it at the same time.
type files struct {
	connection ssh.Conn
	// slot holds the session, nil if there is none. Receiving from it locks it, and unlike a mutex a channel can be
	// waited for with a context.
	slot chan *sftp.Client
}

func newFiles(connection ssh.Conn) *files {
	f := &files{connection: connection, slot: make(chan *sftp.Client, 1)}
	f.slot <- nil
	return f
}

// session returns the session, and opens one if there is none.
func (f *files) session(ctx context.Context) (*sftp.Client, error) {
	var s *sftp.Client
	select {
	case s = <-f.slot:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var err error
	if s == nil {
		s, err = await(ctx, func() (*sftp.Client, error) { return openSFTP(f.connection) }, closeSFTP)
	}
	f.slot <- s
	if err != nil {
		return nil, fmt.Errorf("open SFTP session: %w", err)
	}
	return s, nil
}

// discard closes a session, so that the next call opens another one.
func (f *files) discard(s *sftp.Client) {
	current := <-f.slot
	if current == s {
		current = nil
		closeSFTP(s)
	}
	f.slot <- current
}

// closeSFTP does not wait, because the server's answer may take as long as the connection lives.
func closeSFTP(s *sftp.Client) { go s.Close() }

// openSFTP waits for the server as long as the connection lives.
func openSFTP(connection ssh.Conn) (*sftp.Client, error) {
	channel, err := openChannel(connection, "session", nil)
	if _, refused := errors.AsType[*ssh.OpenChannelError](err); refused {
		return nil, fmt.Errorf("the server opens no sessions: set MaxSessions to at least 2 in its sshd_config: %w", err)
	}
	if err != nil {
		return nil, err
	}
	accepted, err := channel.SendRequest("subsystem", true, ssh.Marshal(&struct{ Name string }{"sftp"}))
	if err == nil && !accepted {
		err = fmt.Errorf("%w: the server has no subsystem sftp", ErrUnsupported)
	}
	if err != nil {
		_ = channel.Close()
		return nil, err
	}
	// Concurrent reads ask for several parts of a file at once. Linux writes a file under /proc anew for each part that
	// does not follow the one before.
	output := &sniffed{Reader: channel}
	// The buffer also holds what follows the first four bytes, after which the library gives up on anything else.
	s, err := sftp.NewClientPipe(bufio.NewReader(output), channel, sftp.UseConcurrentReads(false))
	if err != nil {
		_ = channel.Close()
		return nil, noSFTP(output.text(), err)
	}
	return s, nil
}

// noSFTP returns why SFTP did not begin. A server that runs it by the account's shell passes on what that writes.
func noSFTP(output string, err error) error {
	switch {
	case output == "" && broken(err):
		return fmt.Errorf("SFTP ended before it began: the account's shell may let nobody in (nologin), or a ForceCommand in sshd_config replaces it: %w", err)
	case output == "":
		return err
	}
	return fmt.Errorf("the account's shell wrote %q before SFTP: its startup files, such as .bashrc, have to print nothing without a terminal, and nologin is no shell for it: %w", firstLine(output), err)
}

// withSFTP calls read with the connection's SFTP session. It calls read again with a new session if the first one turns
// out to have failed, because reading twice does no harm. If ctx ends first the session is discarded, because a server
// that does not answer one request may answer none.
func withSFTP[T any](ctx context.Context, c *Client, read func(*sftp.Client) (T, error)) (T, error) {
	ctx, cancel := c.use(ctx)
	defer cancel()
	for again := false; ; again = true {
		s, err := c.files.session(ctx)
		if err != nil {
			var none T
			return none, err
		}
		value, err := await(ctx, func() (T, error) { return guarded(s, read) }, nil)
		if err == nil || isAnswer(err) {
			return value, err
		}
		c.files.discard(s)
		if again || ctx.Err() != nil {
			return value, err
		}
	}
}

// guarded calls use, and turns a panic into an error. The library panics if a server answers with success where only a
// handle or a description makes sense, and no instance may end the whole run.
func guarded[T any](s *sftp.Client, use func(*sftp.Client) (T, error)) (value T, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the SFTP server gave an answer that makes no sense")
		}
	}()
	return use(s)
}

// isAnswer reports whether an error leaves the session intact, because the server answered with it.
func isAnswer(err error) bool {
	if _, ok := errors.AsType[*sftp.StatusError](err); ok {
		return true
	}
	for _, answer := range []error{fs.ErrNotExist, fs.ErrPermission, ErrTooLarge, ErrUnsupported} {
		if errors.Is(err, answer) {
			return true
		}
	}
	return false
}

// readSize is how much is requested at once, in bytes: what every server grants.
const readSize = 32 << 10

// readFile reads to the end of the file, whatever size the server reports: it is 0 for a file under /proc.
func readFile(s *sftp.Client, name string) ([]byte, error) {
	file, err := s.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var content bytes.Buffer
	content.Grow(readSize)
	n, err := content.ReadFrom(io.LimitReader(file, MaxSize+1))
	if err != nil {
		return nil, err
	}
	if n > MaxSize {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxSize)
	}
	return content.Bytes(), nil
}

// freeDisk returns the bytes that are free for ordinary users.
func freeDisk(s *sftp.Client, name string) (uint64, error) {
	const extension = "statvfs@openssh.com"
	if _, ok := s.HasExtension(extension); !ok {
		return 0, fmt.Errorf("%s: %w", extension, ErrUnsupported)
	}
	disk, err := s.StatVFS(name)
	if err != nil {
		return 0, err
	}
	return disk.Bavail * disk.Frsize, nil
}
