package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/sandbox/internal/engine"
	"github.com/growl-dev/deploy/sandbox/internal/engine/enginetest"
	"github.com/growl-dev/deploy/sandbox/internal/wire"
)

// machine is an engine under test, spoken to by the real client.
type machine struct {
	*testing.T
	engine   *engine.Engine
	wire     *wire.Network
	docker   *client.Client
	root     string
	registry *enginetest.Registry
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{T: t, wire: wire.New(), root: t.TempDir(), registry: enginetest.NewRegistry(t)}
	require.NoError(t, os.MkdirAll(filepath.Join(m.root, "tmp/deployment-test"), 0o755))
	var err error
	m.engine, err = engine.New(context.Background(), engine.Options{Root: m.root, Wire: m.wire, Name: "i-0test"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.engine.Close()) })
	m.docker = dockerClient(t, m.engine)
	return m
}

func dockerClient(t *testing.T, e *engine.Engine) *client.Client {
	t.Helper()
	c, err := client.New(client.WithHost("http://docker"), client.WithDialContext(
		func(ctx context.Context, _, _ string) (net.Conn, error) { return e.Dial(ctx) }))
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	_, err = c.Ping(t.Context(), client.PingOptions{NegotiateAPIVersion: true})
	require.NoError(t, err)
	return c
}

// pull pulls a fresh image of the service and answers its digest reference.
func (m *machine) pull(commit string, change func(*v1.Config)) string {
	m.Helper()
	ref := m.registry.Push(m.T, "growl-backend", commit, enginetest.Image(m.T, commit, change))
	require.NoError(m, m.pullRef(ref))
	return ref
}

func (m *machine) pullRef(ref string) error {
	answer, err := m.docker.ImagePull(m.Context(), ref, client.ImagePullOptions{})
	if err != nil {
		return err
	}
	return answer.Wait(m.Context())
}

// spec is a container as the deployment makes it.
func spec(image string) client.ContainerCreateOptions {
	return client.ContainerCreateOptions{
		Name:   "growl-backend",
		Config: &container.Config{Image: image},
		HostConfig: &container.HostConfig{
			PortBindings:  network.PortMap{network.MustParsePort("8080/tcp"): {{HostPort: "8080"}}},
			Mounts:        []mount.Mount{{Type: mount.TypeBind, Source: "/tmp/deployment-test", Target: "/tmp/deployment-test"}},
			RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyUnlessStopped},
		},
	}
}

func (m *machine) create(o client.ContainerCreateOptions) string {
	m.Helper()
	created, err := m.docker.ContainerCreate(m.Context(), o)
	require.NoError(m, err)
	return created.ID
}

func (m *machine) start(id string) {
	m.Helper()
	_, err := m.docker.ContainerStart(m.Context(), id, client.ContainerStartOptions{})
	require.NoError(m, err)
}

// run makes and starts a container, and waits for its service to answer.
func (m *machine) run(o client.ContainerCreateOptions) string {
	m.Helper()
	id := m.create(o)
	m.start(id)
	m.serving(8080)
	return id
}

func (m *machine) serving(port int) {
	m.Helper()
	require.Eventually(m, func() bool {
		body, err := m.get(port, "/healthz")
		return err == nil && body == "ok"
	}, 30*time.Second, 5*time.Millisecond)
}

func (m *machine) get(port int, path string) (string, error) {
	peer := netip.MustParseAddrPort("203.0.113.7:50000")
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return m.wire.Dial(ctx, port, peer)
	}}
	request, err := http.NewRequestWithContext(m.Context(), http.MethodGet, "http://instance"+path, nil)
	if err != nil {
		return "", err
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return string(body), err
}

// exit makes the service end with the code.
func (m *machine) exit(code int) {
	m.Helper()
	_, err := m.get(8080, fmt.Sprintf("/exit?code=%d", code))
	require.Error(m, err, "it ends before it answers")
}

func (m *machine) inspect(id string) container.InspectResponse {
	m.Helper()
	got, err := m.docker.ContainerInspect(m.Context(), id, client.ContainerInspectOptions{})
	require.NoError(m, err)
	return got.Container
}

func (m *machine) eventually(id string, is func(container.InspectResponse) bool) {
	m.Helper()
	require.Eventually(m, func() bool { return is(m.inspect(id)) }, 30*time.Second, 5*time.Millisecond)
}

func (m *machine) logs(id string, o client.ContainerLogsOptions) (out, problems string) {
	m.Helper()
	stream, err := m.docker.ContainerLogs(m.Context(), id, o)
	require.NoError(m, err)
	defer stream.Close()
	var a, b bytes.Buffer
	_, err = stdcopy.StdCopy(&a, &b, stream)
	require.NoError(m, err)
	return a.String(), b.String()
}

// env is the environment of the service's process.
func (m *machine) env() map[string]string {
	m.Helper()
	body, err := m.get(8080, "/env")
	require.NoError(m, err)
	var pairs []string
	require.NoError(m, json.Unmarshal([]byte(body), &pairs))
	env := map[string]string{}
	for _, pair := range pairs {
		key, value, _ := strings.Cut(pair, "=")
		env[key] = value
	}
	return env
}
