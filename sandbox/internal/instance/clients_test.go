package instance_test

import (
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/growl-dev/deploy/sandbox/internal/engine/enginetest"
)

const (
	waitFor = time.Minute
	tick    = 5 * time.Millisecond
)

// options are the options with which OpenSSH's programs reach the instance.
func (b *box) options() []string {
	b.Helper()
	block, err := ssh.MarshalPrivateKey(b.private, "")
	require.NoError(b, err)
	dir := b.TempDir()
	key, known := filepath.Join(dir, "key"), filepath.Join(dir, "known_hosts")
	require.NoError(b, os.WriteFile(key, pem.EncodeToMemory(block), 0o600))
	line := knownhosts.Line([]string{b.Addr()}, b.Instance.HostKey())
	require.NoError(b, os.WriteFile(known, []byte(line+"\n"), 0o600))
	_, port, err := net.SplitHostPort(b.Addr())
	require.NoError(b, err)
	return []string{
		"-F", "none", "-i", key, "-o", "UserKnownHostsFile=" + known, "-o", "StrictHostKeyChecking=yes",
		"-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "User=" + b.User(), "-o", "Port=" + port,
	}
}

func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("needs the program %s", program)
	}
}

func TestOpenSSHClients(t *testing.T) {
	needs(t, "ssh")
	needs(t, "sftp")
	b := newBox(t)
	options := b.options()
	out, err := exec.Command("ssh", append(options, "127.0.0.1", "cat etc/hostname; exit 7")...).Output()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 7, exit.ExitCode())
	assert.Equal(t, id+"\n", string(out))

	local := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(local, []byte("content"), 0o640))
	batch := exec.Command("sftp", append(options, "-b", "-", "127.0.0.1")...)
	batch.Stdin = strings.NewReader(fmt.Sprintf(
		"pwd\nput -p %s there\nrename there /tmp/there\nls -l /tmp\nget /tmp/there %s.back\ndf /\nls -l /proc\n", local, local))
	out, err = batch.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "Remote working directory: /home/ec2-user")
	back, err := os.ReadFile(local + ".back")
	require.NoError(t, err)
	assert.Equal(t, "content", string(back))
	info, err := os.Stat(filepath.Join(b.root, "tmp/there"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o640), info.Mode().Perm())
}

// TestDockerCommandLine forwards the engine's socket with ssh -L and uses it
// with docker, as a person would.
func TestDockerCommandLine(t *testing.T) {
	needs(t, "ssh")
	needs(t, "docker")
	b := newBox(t)
	dir, err := os.MkdirTemp("", "d") // short: a socket's path has some 100 bytes
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "docker.sock")
	forward := exec.CommandContext(t.Context(), "ssh", append(b.options(), "-N", "-L", socket+":/var/run/docker.sock", "127.0.0.1")...)
	require.NoError(t, forward.Start())
	t.Cleanup(func() {
		_ = forward.Process.Kill()
		_ = forward.Wait()
	})
	require.Eventually(t, func() bool { _, err := os.Stat(socket); return err == nil }, waitFor, tick)

	registry := enginetest.NewRegistry(t)
	ref := registry.Push(t, "growl-backend", "v1", enginetest.Image(t, "v1", nil))
	tag := registry.Host + "/growl-backend:v1"
	docker := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("docker", append([]string{"-H", "unix://" + socket}, args...)...)
		cmd.Env = append(os.Environ(), "DOCKER_CONFIG="+dir)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "docker %s: %s", strings.Join(args, " "), out)
		return string(out)
	}
	assert.Contains(t, docker("version"), "1.44")
	assert.Contains(t, docker("info"), id)
	_, digest, _ := strings.Cut(ref, "@")
	assert.Contains(t, docker("pull", tag), "Digest: "+digest)
	assert.Contains(t, docker("images", "--digests"), digest)
	docker("run", "-d", "--name", "growl-backend", "--restart", "always", "-p", "8080:8080",
		"-v", "/tmp/deployment-test:/tmp/deployment-test", tag)
	assert.Contains(t, docker("ps"), "0.0.0.0:8080->8080/tcp")
	assert.Equal(t, "true 172.17.0.2\n", docker("inspect", "-f", "{{.State.Running}} {{.NetworkSettings.IPAddress}}", "growl-backend"))
	require.Eventually(t, func() bool { return docker("logs", "growl-backend") == "started v1\n" }, waitFor, 20*tick)
	docker("kill", "-s", "USR1", "growl-backend")
	docker("update", "--restart", "no", "growl-backend")
	docker("rename", "growl-backend", "growl-backend-previous")
	docker("stop", "growl-backend-previous")
	assert.Contains(t, docker("ps", "-a"), "Exited (0)")
	assert.Equal(t, "0\n", docker("wait", "growl-backend-previous"))
	docker("start", "growl-backend-previous")
	docker("restart", "-t", "1", "growl-backend-previous")
	docker("rm", "-f", "growl-backend-previous")
	docker("rmi", tag)
	docker("image", "prune", "-af")
	assert.NotContains(t, docker("images"), "growl-backend")
}
