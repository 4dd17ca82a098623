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

// stopGrace is the time that an interrupted command has to end before it is killed.
const stopGrace = 10 * time.Second

// command is one run of a program.
type command struct {
	name string
	args []string
	// dir is its working directory; empty: the current one.
	dir string
	// env is added to the environment of this process.
	env []string
	// in is its standard input; nil: none.
	in io.Reader
	// out and err receive its output; nil: it is discarded. The end of its standard error is also kept for the returned
	// error.
	out, err io.Writer
	// limit bounds its duration.
	limit time.Duration
}

// run runs the command. If ctx ends, it interrupts the command and waits for it.
func (c command) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.limit, fmt.Errorf("no end after %s", c.limit))
	defer cancel()
	cmd := exec.CommandContext(ctx, c.name, c.args...)
	cmd.Dir, cmd.Stdin = c.dir, c.in
	cmd.Env = append(os.Environ(), c.env...)
	lastOutput := &tail{}
	cmd.Stdout, cmd.Stderr = c.streams(lastOutput)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = stopGrace
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", c.name, context.Cause(ctx))
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("the %s command is not in PATH: install it or add it: %w", c.name, err)
	}
	said := lastOutput.lastLine()
	if c.name == "git" {
		said = lastOutput.inOneLine() // its remedy may stand below its reason
	}
	if said != "" {
		return fmt.Errorf("%s: %s (%w)", c.name, said, err)
	}
	return fmt.Errorf("%s: %w", c.name, err)
}

// streams returns the writers for the command's output. They share a lock, because the caller may have given the same
// writer twice. A file needs no lock and is returned as it is, so that the command draws its progress on a terminal.
func (c command) streams(stderr *tail) (out, err io.Writer) {
	if c.err == nil {
		return c.out, stderr
	}
	mu := &sync.Mutex{}
	err = lockedWriter{mu, io.MultiWriter(c.err, stderr)}
	if _, file := c.out.(*os.File); file || c.out == nil {
		return c.out, err
	}
	return lockedWriter{mu, c.out}, err
}

// lockedWriter is a writer that shares a lock with another one.
type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// output runs the command and returns its standard output, without white space around it.
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

// lastLine returns the last line with text.
func (t *tail) lastLine() string {
	lines := strings.FieldsFunc(string(t.kept), func(r rune) bool { return r == '\n' || r == '\r' })
	for n := len(lines) - 1; n >= 0; n-- {
		if line := printable(lines[n]); line != "" {
			return line
		}
	}
	return ""
}

// inOneLine returns all lines as one.
func (t *tail) inOneLine() string {
	return printable(strings.Join(strings.Fields(string(t.kept)), " "))
}

// printable returns a line without control characters, which could drive a terminal.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.TrimSpace(line))
}
