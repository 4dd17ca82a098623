package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
	"unicode"
)

// patience is how long a command that was asked to stop may take.
const patience = 10 * time.Second

// command is one run of a program.
type command struct {
	name string
	args []string
	// dir is where it runs; empty: here.
	dir string
	// env is added to the environment of this process.
	env []string
	// in is what it reads; nil: nothing.
	in io.Reader
	// out and err are where it writes; nil: nowhere. What it writes to standard
	// error is kept for the error as well.
	out, err io.Writer
	// limit bounds it.
	limit time.Duration
}

// run runs the command. When ctx ends, the command is interrupted and waited for.
func (c command) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.limit, fmt.Errorf("no end after %s", c.limit))
	defer cancel()
	cmd := exec.CommandContext(ctx, c.name, c.args...)
	cmd.Dir, cmd.Stdin = c.dir, c.in
	cmd.Env = append(os.Environ(), c.env...)
	said := &tail{}
	cmd.Stdout, cmd.Stderr = c.streams(said)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", c.name, context.Cause(ctx))
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("the %s command is not in PATH: install it or add it: %w", c.name, err)
	}
	if line := said.lastLine(); line != "" {
		return fmt.Errorf("%s: %s (%w)", c.name, line, err)
	}
	return fmt.Errorf("%s: %w", c.name, err)
}

// streams are where the command writes. The caller may have given one writer
// twice, so only one of the two is written to at a time. A file needs no such
// care, and is passed on as it is: on a terminal the command draws its progress.
func (c command) streams(said *tail) (out, err io.Writer) {
	if c.err == nil {
		return c.out, said
	}
	turn := &sync.Mutex{}
	err = inTurn{turn, io.MultiWriter(c.err, said)}
	if _, file := c.out.(*os.File); file || c.out == nil {
		return c.out, err
	}
	return inTurn{turn, c.out}, err
}

// inTurn is a writer that shares its turn with others.
type inTurn struct {
	turn *sync.Mutex
	w    io.Writer
}

func (i inTurn) Write(p []byte) (int, error) {
	i.turn.Lock()
	defer i.turn.Unlock()
	return i.w.Write(p)
}

// output runs the command and returns what it wrote, without white space around it.
func (c command) output(ctx context.Context) (string, error) {
	var out bytes.Buffer
	c.out = &out
	err := c.run(ctx)
	return strings.TrimSpace(out.String()), err
}

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

const tailLength = 4096

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - tailLength; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

// lastLine is the last line with text, without what could drive a terminal.
func (t *tail) lastLine() string {
	lines := strings.FieldsFunc(string(t.kept), func(r rune) bool { return r == '\n' || r == '\r' })
	for n := len(lines) - 1; n >= 0; n-- {
		line := strings.Map(func(r rune) rune {
			if !unicode.IsPrint(r) {
				return -1
			}
			return r
		}, strings.TrimSpace(lines[n]))
		if line != "" {
			return line
		}
	}
	return ""
}
