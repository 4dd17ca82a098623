package growl_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// TestAReaderOfProgressNeverDelaysARun deploys into a pipe that is full and stays full, because its reader reads nothing.
func TestAReaderOfProgressNeverDelaysARun(t *testing.T) {
	needTime(t)
	t.Parallel()
	p := keepSandbox(t, "-instances=2")

	t.Run("sleep", func(t *testing.T) {
		sleep := exec.Command("sleep", "600")
		run := p.startBlocked(t, sleep, "../..", nil, p.deploy(p.vars["V2"])...)
		p.awaitBegun(t, rollout.StepDrain)
		require.NoError(t, run.cmd.Process.Signal(syscall.SIGTSTP), "as Ctrl-Z sends to the reader's whole group")
		p.awaitReleased(t)
		p.assertRuns(t, p.vars["V2"])
		require.NoError(t, sleep.Process.Kill())
		assert.Zero(t, run.end(t), "the reader has ended, and the run succeeded")
	})
	t.Run("a stopped reader", func(t *testing.T) {
		cat, read := exec.Command("cat"), &transcript{}
		cat.Stdout = read
		report := filepath.Join(t.TempDir(), "report.json")
		run := p.startBlocked(t, cat, "../..", nil, append(p.deploy(p.vars["V1"]), "-report="+report)...)
		p.awaitBegun(t, rollout.StepDrain)
		p.awaitReleased(t)
		p.assertRuns(t, p.vars["V1"])
		require.Eventually(t, func() bool { _, err := os.Stat(report); return err == nil }, time.Minute, 10*time.Millisecond,
			"the report was not written before the receipt was read")
		require.NoError(t, cat.Process.Signal(syscall.SIGCONT))
		assert.Zero(t, run.end(t))
		await(t, read, "deployed 2/2")
		assert.Contains(t, read.text(), "deregister  begun", "the reader missed an event")
	})
	t.Run("cancelled", func(t *testing.T) {
		cat, read := exec.Command("cat"), &transcript{}
		cat.Stdout = read
		run := p.startBlocked(t, cat, "../..", nil, p.deploy(p.vars["V2"])...)
		p.awaitBegun(t, rollout.StepDrain)
		require.NoError(t, run.cmd.Process.Signal(syscall.SIGTERM))
		p.awaitReleased(t)
		p.awaitHealthy(t)
		p.inspect(t)
		require.NoError(t, cat.Process.Signal(syscall.SIGCONT))
		assert.Equal(t, rollout.Interrupted.ExitCode(), run.end(t))
		await(t, read, "the fleet is in service|registered, not yet healthy: ")
	})
	t.Run("cancelled twice", func(t *testing.T) {
		run := p.startBlocked(t, exec.Command("sleep", "600"), "../..", nil, p.deploy(p.vars["V2"])...)
		p.awaitBegun(t, rollout.StepDrain)
		require.NoError(t, run.cmd.Process.Signal(syscall.SIGTERM))
		p.awaitReleased(t)
		require.Eventually(t, func() bool {
			_ = run.cmd.Process.Signal(syscall.SIGTERM)
			select {
			case <-run.ended:
				return true
			default:
				return false
			}
		}, time.Minute, 100*time.Millisecond, "a signal does not end a process that only writes its receipt")
		p.awaitHealthy(t)
	})
}

// TestAFullDiskDoesNotFailARun deploys while a disk is full: that of the log, or that of a tee that copies the output.
func TestAFullDiskDoesNotFailARun(t *testing.T) {
	needTime(t)
	t.Parallel()
	p := keepSandbox(t, "-instances=2")
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer full.Close()

	t.Run("the log's", func(t *testing.T) {
		run := p.startWith(t, full, "../..", nil, p.deploy(p.vars["V2"])...)
		assert.Zero(t, run.end(t))
		p.assertRuns(t, p.vars["V2"])
	})
	t.Run("tee's", func(t *testing.T) {
		tee, read := exec.Command("tee", "/dev/full"), &transcript{}
		tee.Stdout = read
		run := p.startWith(t, pipeTo(t, tee), "../..", nil, p.deploy(p.vars["V1"])...)
		assert.Zero(t, run.end(t))
		p.assertRuns(t, p.vars["V1"])
		await(t, read, "deployed 2/2")
	})
}

// startBlocked starts a target whose output goes to a reader that is stopped and whose pipe is full.
func (p place) startBlocked(t *testing.T, reader *exec.Cmd, folder string, more []string, args ...string) *step {
	t.Helper()
	w := pipeTo(t, reader)
	require.NoError(t, reader.Process.Signal(syscall.SIGSTOP))
	pipe, err := w.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, pipe.Write(func(fd uintptr) bool {
		for err := error(nil); err == nil; {
			_, err = syscall.Write(int(fd), []byte("\n"))
		}
		return true
	}))
	return p.startWith(t, w, folder, more, args...)
}

// pipeTo starts a reader and returns its pipe.
func pipeTo(t *testing.T, reader *exec.Cmd) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.Close() })
	reader.Stdin = r
	require.NoError(t, reader.Start())
	require.NoError(t, r.Close())
	t.Cleanup(func() {
		_ = reader.Process.Kill()
		_ = reader.Wait()
	})
	return w
}

// startWith starts a target in a folder; its standard output and error are a file. more are variables that it alone gets.
func (p place) startWith(t *testing.T, output *os.File, folder string, more []string, args ...string) *step {
	t.Helper()
	cmd := exec.Command(p.program, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = folder, p.environ(more...), output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that SIGTSTP is not discarded
	s := startCommand(t, cmd)
	require.NoError(t, output.Close())
	return s
}

// awaitBegun waits until the journal of the run has the beginning of a step.
func (p place) awaitBegun(t *testing.T, name rollout.StepName) {
	t.Helper()
	books := p.ledger(t)
	require.Eventually(t, func() bool {
		status, err := books.Current(t.Context())
		return err == nil && status.Lease != nil && slices.ContainsFunc(status.Lease.Entries, func(e rollout.Entry) bool { return e.Step == name })
	}, 3*time.Minute, 10*time.Millisecond)
}

// awaitReleased waits until a run that holds the environment has released it. A run that was cancelled after it had
// registered a new container leaves that to the next run, which heals it.
func (p place) awaitReleased(t *testing.T) {
	t.Helper()
	books := p.ledger(t)
	require.Eventually(t, func() bool {
		status, err := books.Current(t.Context())
		return err == nil && status.Lease == nil
	}, 3*time.Minute, 10*time.Millisecond, "the run did not end while its output was not read")
}

// assertRuns checks that every instance is healthy and runs a release.
func (p place) assertRuns(t *testing.T, commit string) {
	t.Helper()
	p.assertHealthy(t)
	for id, found := range p.inspect(t) {
		assert.Equal(t, commit, found.commit, id)
	}
}
