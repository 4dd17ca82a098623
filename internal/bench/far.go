package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// far is a sandbox in a process of its own.
type far struct {
	dir     string
	cmd     *exec.Cmd
	printed bytes.Buffer // its messages, complete once the process has ended
	vars    []string
	calls   map[string]int // set once the process has ended
}

// farEnds starts a sandbox and reads the variables that configure a deploy for it.
func (o Options) farEnds(ctx context.Context, flags ...string) (f *far, err error) {
	f = &far{}
	if f.dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return nil, fmt.Errorf("make a folder for the sandbox: %w", err)
	}
	f.cmd = o.command(ctx, nil, append([]string{"sandbox:up", "-report=" + f.file()}, flags...)...)
	f.cmd.Stderr = &f.printed
	said, err := f.cmd.StdoutPipe()
	if err == nil {
		err = f.cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the sandbox: %w", err), os.RemoveAll(f.dir))
	}
	line, _ := bufio.NewReader(said).ReadString('\n') // empty if the sandbox ended
	if err := f.readVars(strings.Trim(strings.TrimPrefix(line, ". "), "'\n")); err != nil {
		return nil, joined(fmt.Errorf("the sandbox did not come up: %w", err), f.end())
	}
	return f, nil
}

// readVars reads the file that the sandbox's line tells a shell to source.
func (f *far) readVars(file string) error {
	exports, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(exports)) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		f.vars = append(f.vars, name+"="+strings.Trim(value, "'"))
	}
	return nil
}

// file returns the file of the sandbox's report.
func (f *far) file() string { return filepath.Join(f.dir, "calls.json") }

// get returns a variable's value, or "".
func (f *far) get(name string) string {
	for _, pair := range f.vars {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// end ends the sandbox, waits for it, and reads its counts of calls.
func (f *far) end() error {
	defer os.RemoveAll(f.dir)
	_ = f.cmd.Process.Signal(os.Interrupt) // Wait returns the error of a process that has ended before
	if err := f.cmd.Wait(); err != nil {
		return fmt.Errorf("end the sandbox: %w: %s", err, lastLine(f.printed.Bytes()))
	}
	var counts struct {
		Calls map[string]int `json:"calls"`
	}
	if err := readJSON(f.file(), &counts); err != nil {
		return fmt.Errorf("end the sandbox: %w", err)
	}
	f.calls = counts.Calls
	return nil
}
