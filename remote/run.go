package remote

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"
)

// Run runs a command through the user's shell and returns its standard output, at most [MaxSize]. If the command does
// not end well, the error is an [*ExitError] with the last line of its standard error. The command appears in process
// lists and in errors, so that it must hold no secret.
//
// When ctx ends Run returns, but the remote process goes on, because SSH servers do not end it with the session. A
// command that must not outlive its caller has to limit itself, as timeout(1) does.
func (c *Client) Run(ctx context.Context, command string) ([]byte, error) {
	ctx, cancel := c.use(ctx)
	defer cancel()
	output, err := await(ctx, func() ([]byte, error) { return c.run(ctx, command) }, nil)
	if err != nil {
		return nil, c.failed(fmt.Sprintf("run %.80q on", command), err)
	}
	return output, nil
}

func (c *Client) run(ctx context.Context, command string) ([]byte, error) {
	session, err := (&ssh.Client{Conn: c.ssh}).NewSession() // it needs no more of a Client
	if err != nil {
		return nil, err
	}
	defer session.Close()
	defer context.AfterFunc(ctx, func() { _ = session.Close() })()
	stdout, stderr := &bounded{}, &tail{}
	session.Stdout, session.Stderr = stdout, stderr
	err = c.exitError(session.Run(command), stderr)
	if err == nil && stdout.over {
		err = fmt.Errorf("%w: more than %d bytes of output", ErrTooLarge, MaxSize)
	}
	return stdout.data, err
}

// exitError returns the error of a command that ended. A session without an exit status may also mean that the
// connection broke, which a request finds out.
func (c *Client) exitError(err error, stderr *tail) error {
	if exit, ok := errors.AsType[*ssh.ExitError](err); ok {
		status := exit.ExitStatus()
		if exit.Signal() != "" {
			status = -1
		}
		return &ExitError{Status: status, Signal: exit.Signal(), Stderr: stderr.lastLine()}
	}
	if _, ok := errors.AsType[*ssh.ExitMissingError](err); ok {
		if _, _, lost := c.ssh.SendRequest(keepAliveRequest, true, nil); lost != nil {
			return fmt.Errorf("%w: %w", ErrLost, lost)
		}
		return &ExitError{Status: -1, Stderr: stderr.lastLine()}
	}
	return err
}

// bounded keeps the first MaxSize bytes and drops the rest, so that the command is not blocked.
type bounded struct {
	data []byte
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	kept := p[:min(len(p), MaxSize-len(b.data))]
	b.over = b.over || len(kept) < len(p)
	b.data = append(b.data, kept...)
	return len(p), nil
}
