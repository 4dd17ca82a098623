package growl_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// step is a running program, such as a job's step, with its output so far.
type step struct {
	*transcript
	cmd   *exec.Cmd
	ended chan struct{}
}

// transcript is the output of a program so far.
type transcript struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

// Write takes the program's output.
func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buffer.Write(p)
}

func (t *transcript) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buffer.String()
}

// startJob starts a job's step at a place as a runner does: bash that runs a
// script from a file.
func (p place) startJob(t *testing.T, script string) *step {
	t.Helper()
	file := filepath.Join(t.TempDir(), "step.sh")
	require.NoError(t, os.WriteFile(file, []byte(script+"\n"), 0o600))
	return startProgram(t, p.environ(), "bash", "-e", file)
}

// start starts a target at a place; more are variables that it alone gets.
func (p place) start(t *testing.T, more []string, args ...string) *step {
	t.Helper()
	return startProgram(t, p.environ(more...), p.program, args...)
}

// startIn starts a target in a folder of its own.
func (s *stack) startIn(folder string, more []string, args ...string) *step {
	s.t.Helper()
	return startProgramIn(s.t, folder, s.environ(more...), s.program, args...)
}

// run runs a target to its end.
func (p place) run(t *testing.T, args ...string) (code int, output string) {
	t.Helper()
	s := p.start(t, nil, args...)
	return s.end(t), s.text()
}

func startProgram(t *testing.T, env []string, name string, args ...string) *step {
	t.Helper()
	return startProgramIn(t, "../..", env, name, args...)
}

func startProgramIn(t *testing.T, folder string, env []string, name string, args ...string) *step {
	t.Helper()
	cmd, output := exec.Command(name, args...), &transcript{}
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = folder, env, output, output
	s := startCommand(t, cmd)
	s.transcript = output
	return s
}

func startCommand(t *testing.T, cmd *exec.Cmd) *step {
	t.Helper()
	s := &step{transcript: &transcript{}, cmd: cmd, ended: make(chan struct{})}
	s.cmd.WaitDelay = 10 * time.Second
	require.NoError(t, s.cmd.Start())
	go func() {
		defer close(s.ended)
		_ = s.cmd.Wait()
	}()
	t.Cleanup(s.kill)
	return s
}

// kill ends the program with SIGKILL; it is gone when kill returns.
func (s *step) kill() {
	_ = s.cmd.Process.Kill()
	<-s.ended
}

// end waits for the program's own end and returns its exit code; -1 when a
// signal ended it.
func (s *step) end(t *testing.T) int {
	t.Helper()
	select {
	case <-s.ended:
	case <-time.After(2 * time.Minute):
		require.Fail(t, "it did not end", "%s", s.text())
	}
	return s.cmd.ProcessState.ExitCode()
}

// await waits until the program has written a matching text.
func (s *step) await(t *testing.T, pattern string) {
	t.Helper()
	await(t, s.transcript, pattern)
}

func await(t *testing.T, output *transcript, pattern string) {
	t.Helper()
	matcher := regexp.MustCompile(pattern)
	require.Eventually(t, func() bool { return matcher.MatchString(output.text()) },
		time.Minute, 5*time.Millisecond, "never printed %q", pattern)
}

// cancel sends the signals of a cancelled job to the entry process alone, each
// one only if the last was not enough, and returns the exit code and how many they
// were. GitHub leaves 7.5 s to the first, which a busy machine may need more of.
func (s *step) cancel() (code, signals int) {
	for _, next := range []struct {
		signal os.Signal
		leaves time.Duration
	}{{os.Interrupt, 30 * time.Second}, {syscall.SIGTERM, 2500 * time.Millisecond}, {os.Kill, time.Minute}} {
		_ = s.cmd.Process.Signal(next.signal)
		signals++
		select {
		case <-s.ended:
			return s.cmd.ProcessState.ExitCode(), signals
		case <-time.After(next.leaves):
		}
	}
	return s.cmd.ProcessState.ExitCode(), signals
}
