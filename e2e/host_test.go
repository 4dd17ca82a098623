package e2e

import (
	"bufio"
	"context"
	_ "embed"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
	"github.com/growl-dev/deploy/sandbox"
)

// The lab's network.
const (
	bridge  = "growl0"
	gateway = "10.77.0.1"
	prefix  = "/16"
)

//go:embed testdata/host.sh
var hostScript string

// host is a machine: its own network, processes and files, an OpenSSH server and
// a Docker engine.
type host struct {
	rollout.Instance
	address string // its IP address
	cable   string // the lab's end of its network
	init    int    // its first process, as the lab counts
}

// startHost starts a machine that ends with the test. Key may log in. Its servers
// come up by themselves.
func startHost(t testing.TB, i rollout.Instance, key string) *host {
	t.Helper()
	number := strings.Split(i.Address, ".")
	h := &host{Instance: i, address: i.Address, cable: "host" + number[2] + "-" + number[3]}
	dir := t.TempDir()
	script := filepath.Join(dir, "host.sh")
	require.NoError(t, os.WriteFile(script, []byte(hostScript), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "root"), 0o700))
	boot := exec.Command("unshare", "--fork", "--kill-child", "--pid", "--net", "--mount", "--uts", "--",
		"bash", script, filepath.Join(dir, "root"), i.Name, i.ID, i.Address+prefix, gateway, key, cgroupParent())
	boot.Stderr = os.Stderr
	input, err := boot.StdinPipe()
	require.NoError(t, err)
	output, err := boot.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, boot.Start())
	t.Cleanup(func() {
		h.tell(t)
		_ = boot.Process.Kill()
		_ = boot.Wait()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err, "%s did not come up", i.Name)
	require.Equal(t, "up\n", line)
	h.init = childOf(t, boot.Process.Pid)
	require.NoError(t, command(fmt.Sprintf("ip link add %s type veth peer name eth0 netns %d", h.cable, h.init)))
	require.NoError(t, command("ip link set "+h.cable+" master "+bridge+" up"))
	_, err = input.Write([]byte("go\n"))
	require.NoError(t, err)
	return h
}

// childOf is the one process that another has started.
func childOf(t testing.TB, parent int) int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it ended
		}
		var pid, ppid int
		var state string
		_, rest, _ := strings.Cut(string(text), ") ")
		if _, err := fmt.Sscan(rest, &state, &ppid); err == nil && ppid == parent {
			_, err := fmt.Sscan(string(text), &pid)
			require.NoError(t, err)
			return pid
		}
	}
	require.Fail(t, "no child", "of %d", parent)
	return 0
}

// awaitUp waits until both servers answer.
func (h *host) awaitUp(t testing.TB) {
	t.Helper()
	h.awaitSSH(t)
	h.awaitEngine(t)
}

func (h *host) awaitSSH(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool {
		c, err := net.DialTimeout("tcp", h.address+":22", time.Second)
		if err != nil {
			return false
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(time.Second))
		hello, err := bufio.NewReader(c).ReadString('\n')
		return err == nil && strings.HasPrefix(hello, "SSH-2.0-OpenSSH")
	}, 30*time.Second, 20*time.Millisecond, "the SSH server of %s", h.Name)
}

func (h *host) awaitEngine(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool { return h.docker(t, "version") == nil },
		30*time.Second, 50*time.Millisecond, "the engine of %s", h.Name)
}

// path is a file of the host's, as the lab sees it.
func (h *host) path(name string) string { return fmt.Sprintf("/proc/%d/root%s", h.init, name) }

// socket is the engine's, for DOCKER_HOST.
func (h *host) socket() string { return "unix://" + h.path("/run/docker.sock") }

// docker runs the Docker CLI against the host's engine.
func (h *host) docker(t testing.TB, args ...string) error {
	_, err := h.dockerSays(t, args...)
	return err
}

func (h *host) dockerSays(t testing.TB, args ...string) (string, error) {
	c := exec.CommandContext(t.Context(), "docker", args...)
	c.Env = append(os.Environ(), "DOCKER_HOST="+h.socket(), "DOCKER_CONFIG="+t.TempDir())
	out, err := c.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("docker %s on %s: %w: %s", args[0], h.Name, err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// kill ends every process of that name on the host, at once, and answers how
// many there were. Its init starts one again after half a second.
func (h *host) kill(t testing.TB, name string) int {
	t.Helper()
	space, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", h.init))
	require.NoError(t, err)
	files, err := filepath.Glob("/proc/[0-9]*/comm")
	require.NoError(t, err)
	killed := 0
	for _, file := range files {
		comm, _ := os.ReadFile(file)
		dir := filepath.Dir(file)
		in, _ := os.Readlink(dir + "/ns/pid")
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err == nil && in == space && strings.TrimSpace(string(comm)) == name && syscall.Kill(pid, syscall.SIGKILL) == nil {
			killed++
		}
	}
	return killed
}

// hold keeps a program from being started again, until unhold.
func (h *host) hold(t testing.TB, name string) {
	t.Helper()
	require.NoError(t, os.WriteFile(h.path("/run/hold-"+name), nil, 0o600))
}

func (h *host) unhold(t testing.TB, name string) {
	t.Helper()
	require.NoError(t, os.Remove(h.path("/run/hold-"+name)))
}

// killEngine ends the engine and what it runs containers with, as a crash does.
func (h *host) killEngine(t testing.TB) {
	t.Helper()
	assert.Positive(t, h.kill(t, "dockerd"), "no engine ran on %s", h.Name)
	h.kill(t, "containerd")
}

// cut pulls the host's cable, mend plugs it in again.
func (h *host) cut(t testing.TB)  { assert.NoError(t, command("ip link set "+h.cable+" down")) }
func (h *host) mend(t testing.TB) { assert.NoError(t, command("ip link set "+h.cable+" up")) }

// machine is the host as the sandbox's load balancer knows it.
func (h *host) machine() sandbox.Machine {
	return sandbox.Machine{Instance: h.Instance, Dial: func(ctx context.Context, port int, _ netip.AddrPort) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(h.address, strconv.Itoa(port)))
	}}
}

// tell shows the end of the host's logs when the test has failed.
func (h *host) tell(t testing.TB) {
	if !t.Failed() || h.init == 0 {
		return
	}
	for _, name := range []string{"sshd", "dockerd"} {
		text, err := os.ReadFile(h.path("/var/log/" + name + ".log"))
		if err == nil {
			t.Logf("%s of %s, at the end: %s", name, h.Name, text[max(0, len(text)-2000):])
		}
	}
}
