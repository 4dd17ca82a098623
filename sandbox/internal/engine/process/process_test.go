package process_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/sandbox/internal/engine/process"
)

// starter makes this test binary start a program and wait to be killed.
const starter = "PROCESS_TEST_STARTER"

func TestMain(m *testing.M) {
	if os.Getenv(starter) == "" {
		os.Exit(m.Run())
	}
	p, err := process.Start(exec.Command("sleep", "600"))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(p.PID())
	select {}
}

func gone(pid int) func() bool {
	return func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH }
}

func TestHowAProgramEnds(t *testing.T) {
	for _, c := range []struct {
		script string
		code   int
		signal syscall.Signal
	}{
		{"exit 0", 0, 0},
		{"exit 7", 7, 0},
		{"kill -TERM $$", 143, syscall.SIGTERM},
	} {
		p, err := process.Start(exec.Command("sh", "-c", c.script))
		require.NoError(t, err)
		<-p.Done()
		assert.Equal(t, c.code, p.ExitCode(), c.script)
		assert.Equal(t, c.signal, p.ExitSignal(), c.script)
		require.NoError(t, p.Signal(syscall.SIGTERM), "one that ended")
		require.NoError(t, p.Kill())
	}
	_, err := process.Start(exec.Command("/nope/nope"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestWhatItStartedEndsWithIt(t *testing.T) {
	var out bytes.Buffer
	cmd := exec.Command("sh", "-c", "sleep 600 & echo $!")
	cmd.Stdout = &out
	p, err := process.Start(cmd)
	require.NoError(t, err)
	<-p.Done()
	pid, err := strconv.Atoi(strings.TrimSpace(out.String()))
	require.NoError(t, err)
	require.Eventually(t, gone(pid), 30*time.Second, 5*time.Millisecond)
}

func TestSIGKILLLeavesNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux's death signal")
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), starter+"=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	require.False(t, gone(pid)())
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.Eventually(t, gone(pid), 30*time.Second, 5*time.Millisecond)
}
