package growl_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ecr"
	"github.com/growl-dev/deploy/infra"
	"github.com/growl-dev/deploy/internal/porttest"
	"github.com/growl-dev/deploy/magefiles/growl"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/remote/docker/firstboot"
	"github.com/growl-dev/deploy/rollout"
	"github.com/growl-dev/deploy/sandbox"
)

// canary is a secret that must be nowhere but where it is needed.
const canary = "canary-4f1b9c-7d20e6"

// machine is this machine as an instance: its Docker Engine, and a folder in the
// place of /tmp and /etc. Images are in a sandbox's registry.
type machine struct {
	t       *testing.T
	api     *client.Client
	images  *ecr.Repository
	release rollout.Release
	spec    docker.Spec
	// logs is the folder that the service's log is in; port is published.
	dir, logs, port string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	api := engineHere(t)
	o := growl.Sandbox()
	o.Instances = 1
	env, err := sandbox.Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, env.Close()) })
	p := place{vars: map[string]string{}, fleet: env.Fleet}
	for _, line := range env.Env() {
		name, value, _ := strings.Cut(line, "=")
		p.vars[name] = value
	}
	images, err := ecr.NewFromConfig(p.aws(t), env.Fleet.Repository, ecr.Options{Region: env.Fleet.RegistryRegion})
	require.NoError(t, err)
	image, err := images.Resolve(t.Context(), env.V2)
	require.NoError(t, err)

	dir := t.TempDir()
	m := &machine{
		t: t, api: api, images: images, dir: dir, logs: filepath.Join(dir, "deployment-test"), port: strconv.Itoa(porttest.Free(t)),
		release: rollout.Release{Image: images.URI() + "@" + image.Digest, Tag: env.V2, Commit: image.Commit},
		spec:    service(),
	}
	m.spec.Name = "growl-boot-" + strings.ToLower(rand.Text()[:8])
	m.spec.HostPort, err = strconv.Atoi(m.port)
	require.NoError(t, err)
	m.spec.Mounts[0].Source = m.logs
	// The sandbox's images listen on an address that cannot be reached from outside a container.
	m.spec.EnvFile = m.write("env", "CANARY="+canary+"\nLISTEN_HOST=0.0.0.0\n", 0o600)
	m.tmpfiles()
	t.Cleanup(m.cleanup)
	return m
}

// engineHere is the engine that shares this machine's files; without one the test
// is skipped.
func engineHere(t *testing.T) *client.Client {
	t.Helper()
	needEngine(t)
	api, err := client.New(client.WithHost("unix://" + docker.DefaultSocket))
	require.NoError(t, err)
	t.Cleanup(func() { _ = api.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		t.Skipf("needs a Docker Engine at %s: %v", docker.DefaultSocket, err)
	}
	return api
}

// cleanup removes every container of this machine, and the image.
func (m *machine) cleanup() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	list, err := m.api.ContainerList(ctx, client.ContainerListOptions{All: true})
	require.NoError(m.t, err)
	for _, c := range list.Items {
		if slices.ContainsFunc(c.Names, func(name string) bool { return strings.HasPrefix(name, "/"+m.spec.Name) }) {
			_, err := m.api.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true})
			assert.NoError(m.t, err)
		}
	}
	_, err = m.api.ImageRemove(ctx, m.release.Image, client.ImageRemoveOptions{Force: true})
	assert.NoError(m.t, err)
}

func (m *machine) write(name, text string, mode fs.FileMode) string {
	m.t.Helper()
	file := filepath.Join(m.dir, name)
	require.NoError(m.t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(m.t, os.WriteFile(file, []byte(text), mode))
	return file
}

// fakeAWS answers the calls to AWS that the first boot makes.
const fakeAWS = `#!/bin/sh
case "$1 $2 $*" in
"ecr get-login-password "*) printf %s "$TOKEN" ;;
"ecr batch-get-image "*"imageTag=deployed-dev "*) echo "$DIGEST" ;;
"ecr batch-get-image "*) echo None ;;
*) exit 252 ;;
esac
`

// boot runs the checked-in script, with this machine's names and paths.
func (m *machine) boot() {
	m.t.Helper()
	checkedIn, err := os.ReadFile(filepath.Join("..", "..", terraformDir, "first-boot.sh"))
	require.NoError(m.t, err)
	script := strings.NewReplacer("/etc/growl-backend/env", m.spec.EnvFile, "growl-backend", m.spec.Name,
		"source=/tmp/deployment-test", "source="+m.logs, "'/tmp/deployment-test", "'"+m.logs).Replace(string(checkedIn))
	rendered, err := firstboot.Render(m.spec)
	require.NoError(m.t, err)
	require.Equal(m.t, string(rendered), script, "this is not the script of the spec that rollouts use")

	m.write("bin/aws", fakeAWS, 0o755)
	login, err := m.images.Credentials(m.t.Context())
	require.NoError(m.t, err)
	cmd := exec.CommandContext(m.t.Context(), "sh", m.write("first-boot.sh", script, 0o755), "dev", m.images.URI(), m.images.Region(), m.port)
	cmd.Env = []string{
		"PATH=" + filepath.Join(m.dir, "bin") + ":" + os.Getenv("PATH"), "HOME=" + m.dir, "TMPDIR=" + m.dir,
		"TOKEN=" + login.Password, "DIGEST=" + m.release.Digest(),
	}
	output, err := cmd.CombinedOutput()
	require.NoError(m.t, err, "%s", output)
	assert.NotContains(m.t, string(output), canary)
	m.awaitHealth()
}

// roll swaps the container as a run does.
func (m *machine) roll() {
	t, ctx := m.t, m.t.Context()
	t.Helper()
	seal, err := infra.SealEnv(m.spec.EnvFile, func(content []byte) error {
		_, err := docker.ParseEnvFile(bytes.NewReader(content))
		return err
	})
	require.NoError(t, err)
	host, err := docker.Open(ctx, here{}, docker.Options{Spec: m.spec, Run: "run-1", EnvSeal: string(seal), Auth: func(ctx context.Context) (string, string, error) {
		login, err := m.images.Credentials(ctx)
		return login.Username, login.Password, err
	}})
	require.NoError(t, err)
	defer host.Close()
	_, err = host.Inspect(ctx)
	require.NoError(t, err)
	require.NoError(t, host.Prepare(ctx, m.release, nil))
	require.NoError(t, host.Stop(ctx, m.release))
	require.NoError(t, host.Start(ctx, m.release))
	proving, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, err = host.Prove(proving, m.release)
	require.NoError(t, err)
	_, err = host.Settle(ctx)
	require.NoError(t, err)
}

func (m *machine) inspect() container.InspectResponse {
	m.t.Helper()
	found, err := m.api.ContainerInspect(m.t.Context(), m.spec.Name, client.ContainerInspectOptions{})
	require.NoError(m.t, err)
	return found.Container
}

func (m *machine) tryRestart() error {
	_, err := m.api.ContainerRestart(m.t.Context(), m.spec.Name, client.ContainerRestartOptions{})
	return err
}

func (m *machine) restart() {
	m.t.Helper()
	require.NoError(m.t, m.tryRestart())
	m.awaitHealth()
}

func (m *machine) awaitHealth() {
	m.t.Helper()
	web := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	require.Eventually(m.t, func() bool {
		answer, err := web.Get("http://127.0.0.1:" + m.port + "/healthz")
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}, 2*time.Minute, 20*time.Millisecond)
}

func (m *machine) logFile() string { return filepath.Join(m.logs, "growl-backend.log") }

// starts counts the starts that the service has logged.
func (m *machine) starts() int {
	m.t.Helper()
	text, err := os.ReadFile(m.logFile())
	require.NoError(m.t, err)
	return strings.Count(string(text), `"event":"start"`)
}

// tmpfiles makes the log folder as systemd-tmpfiles does at boot, by the line
// that cloud-init writes.
func (m *machine) tmpfiles() {
	t := m.t
	t.Helper()
	template, err := os.ReadFile(filepath.Join("..", "..", terraformDir, "cloud-init.yaml.tftpl"))
	require.NoError(t, err)
	line := regexp.MustCompile(`(?m)^ +d (\S+) (\d+) (\d+) (\d+) -$`).FindStringSubmatch(string(template))
	require.NotNil(t, line, "cloud-init writes no line of tmpfiles.d")
	require.Equal(t, service().Mounts[0].Source, line[1])
	var mode, user, group int
	_, err = fmt.Sscanf(strings.Join(line[2:], " "), "%o %d %d", &mode, &user, &group)
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(m.logs, 0o700))
	if err := os.Chown(m.logs, user, group); err != nil {
		t.Logf("not root: the log folder is everybody's, not the user %d's", user)
		mode = 0o777
	}
	require.NoError(t, os.Chmod(m.logs, fs.FileMode(mode)))
}

// here is a connection to an instance that is this machine.
type here struct{}

func (here) DialUnix(ctx context.Context, path string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "unix", path)
}

func (here) Exchange(ctx context.Context, address string, talk func(io.ReadWriter) error) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	return talk(conn)
}

func (here) ReadFile(_ context.Context, path string) ([]byte, error)  { return os.ReadFile(path) }
func (here) Stat(_ context.Context, path string) (fs.FileInfo, error) { return os.Stat(path) }
func (here) FreeDisk(_ context.Context, _ string) (uint64, error)     { return 1 << 40, nil }
func (here) Close() error                                             { return nil }
