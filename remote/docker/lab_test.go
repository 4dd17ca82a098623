package docker_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"io/fs"
	"log"
	"maps"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	ggcr "github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/growl-dev/deploy/internal/porttest"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/rollout"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
)

// lab is this machine's Docker Engine as an instance, with a registry beside it.
type lab struct {
	t          *testing.T
	api        *client.Client
	repository string
	spec       docker.Spec
	conn       *localConn
	// check is the health check of the images that are pushed; nil: none.
	check *v1.HealthConfig
}

// newLab skips the test where there is no engine to test with.
func newLab(t *testing.T) *lab {
	t.Helper()
	if testing.Short() {
		t.Skip("takes minutes of a real Docker Engine's time: run without -short")
	}
	if runtime.GOOS != "linux" {
		t.Skip("needs a Docker Engine on this very machine: its /proc and loopback")
	}
	api, err := client.New(client.WithHost("unix://" + docker.DefaultSocket))
	require.NoError(t, err)
	t.Cleanup(func() { _ = api.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		t.Skipf("needs a Docker Engine at %s: %v", docker.DefaultSocket, err)
	}
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	suffix := strings.ToLower(rand.Text()[:8])
	l := &lab{
		t: t, api: api,
		repository: strings.TrimPrefix(server.URL, "http://") + "/lab-" + suffix,
		conn:       &localConn{id: "i-a", free: 1 << 40},
		spec: docker.Spec{
			Name: "lab-" + suffix, HostPort: porttest.Free(t), ContainerPort: 8080,
			VersionPath: "/version", CountField: "connections",
			DrainSignal: "SIGUSR1", UndrainSignal: "SIGUSR2",
			StopGrace: 10 * time.Second, MemoryLimit: 64 << 20,
		},
	}
	t.Cleanup(l.cleanup)
	return l
}

// cleanup removes every container and image of this lab.
func (l *lab) cleanup() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	list, err := l.api.ContainerList(ctx, client.ContainerListOptions{All: true})
	require.NoError(l.t, err)
	for _, c := range list.Items {
		if slices.ContainsFunc(c.Names, func(n string) bool { return strings.HasPrefix(n, "/"+l.spec.Name) }) {
			_, err := l.api.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true})
			require.NoError(l.t, err)
		}
	}
	for _, ref := range l.images() {
		_, err := l.api.ImageRemove(ctx, ref, client.ImageRemoveOptions{Force: true})
		require.NoError(l.t, err)
	}
}

// images are the lab's images on the engine, as repository@digest.
func (l *lab) images() []string {
	list, err := l.api.ImageList(context.Background(), client.ImageListOptions{})
	require.NoError(l.t, err)
	var refs []string
	for _, i := range list.Items {
		for _, ref := range i.RepoDigests {
			if strings.HasPrefix(ref, l.repository+"@") {
				refs = append(refs, ref)
			}
		}
	}
	return refs
}

// containers are the names of the lab's containers on the engine.
func (l *lab) containers() []string {
	list, err := l.api.ContainerList(context.Background(), client.ContainerListOptions{All: true})
	require.NoError(l.t, err)
	var names []string
	for _, c := range list.Items {
		if strings.HasPrefix(c.Names[0], "/"+l.spec.Name) {
			names = append(names, c.Names[0])
		}
	}
	slices.Sort(names)
	return names
}

// program is the static service, compiled once.
var program = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "service")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	out := filepath.Join(folder, "service")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", out, "./testdata/service")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if text, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, text)
	}
	return os.ReadFile(out)
})

// push makes a FROM-scratch image of the service and pushes it. env is the
// image's; it should hold GIT_COMMIT.
func (l *lab) push(age time.Duration, env map[string]string) rollout.Release {
	l.t.Helper()
	return l.pushFor(runtime.GOARCH, age, env)
}

// pushFor is push for another kind of machine.
func (l *lab) pushFor(architecture string, age time.Duration, env map[string]string) rollout.Release {
	l.t.Helper()
	binary, err := program()
	require.NoError(l.t, err)
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	require.NoError(l.t, w.WriteHeader(&tar.Header{Name: "service", Mode: 0o755, Size: int64(len(binary))}))
	_, err = w.Write(binary)
	require.NoError(l.t, err)
	require.NoError(l.t, w.Close())
	content, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil })
	require.NoError(l.t, err)
	image, err := mutate.AppendLayers(empty.Image, content)
	require.NoError(l.t, err)
	config := &v1.ConfigFile{
		Architecture: architecture, OS: "linux", RootFS: must(image.ConfigFile()).RootFS,
		Created: v1.Time{Time: time.Now().Add(-age)},
		Config:  v1.Config{Entrypoint: []string{"/service"}, Env: []string{"PORT=8080"}, Healthcheck: l.check},
	}
	for _, key := range slices.Sorted(maps.Keys(env)) {
		config.Config.Env = append(config.Config.Env, key+"="+env[key])
	}
	image, err = mutate.ConfigFile(image, config)
	require.NoError(l.t, err)
	digest, err := image.Digest()
	require.NoError(l.t, err)
	ref, err := name.NewTag(l.repository + ":" + digest.Hex[:12])
	require.NoError(l.t, err)
	require.NoError(l.t, ggcr.Write(ref, image))
	return rollout.Release{Image: l.repository + "@" + digest.String(), Commit: env["GIT_COMMIT"]}
}

// host opens the instance, as each new process would.
func (l *lab) host() *docker.Host {
	l.t.Helper()
	h, err := docker.Open(l.t.Context(), l.conn, docker.Options{Spec: l.spec, InstanceID: "i-a", Run: "test"})
	require.NoError(l.t, err)
	return h
}

// deploy brings a release into service and settles. It returns the images that were removed.
func (l *lab) deploy(r rollout.Release) (removed []string) {
	l.t.Helper()
	h := l.host()
	require.NoError(l.t, h.Prepare(l.t.Context(), r, nil))
	require.NoError(l.t, h.Stop(l.t.Context(), r))
	require.NoError(l.t, h.Start(l.t.Context(), r))
	_, err := h.Prove(l.within(time.Minute), r)
	require.NoError(l.t, err)
	removed, err = h.Settle(l.t.Context())
	require.NoError(l.t, err)
	return removed
}

// serves checks, as a fresh process, that the one container of the service runs
// a release and nothing of a swap is left.
func (l *lab) serves(r rollout.Release) container.InspectResponse {
	l.t.Helper()
	state, err := l.host().Inspect(l.t.Context())
	require.NoError(l.t, err)
	require.True(l.t, state.Running)
	require.Equal(l.t, r.Image, state.Release.Image)
	found, err := l.api.ContainerInspect(l.t.Context(), l.spec.Name, client.ContainerInspectOptions{})
	require.NoError(l.t, err)
	require.Equal(l.t, state.Container, found.Container.ID)
	for _, suffix := range []string{"-next", "-previous"} {
		_, err := l.api.ContainerInspect(l.t.Context(), l.spec.Name+suffix, client.ContainerInspectOptions{})
		require.Error(l.t, err, suffix)
	}
	return found.Container
}

func (l *lab) within(d time.Duration) context.Context {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), d)
	l.t.Cleanup(cancel)
	return ctx
}

// localConn is an instance that is this machine.
type localConn struct {
	id   string
	free uint64
}

var _ docker.Conn = (*localConn)(nil)

func (c *localConn) DialUnix(ctx context.Context, path string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "unix", path)
}

func (c *localConn) Exchange(ctx context.Context, address string, talk func(io.ReadWriter) error) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	return talk(conn)
}

func (c *localConn) ReadFile(_ context.Context, path string) ([]byte, error) {
	if path == "/var/lib/cloud/data/instance-id" {
		return []byte(c.id + "\n"), nil
	}
	return os.ReadFile(path)
}

func (c *localConn) Stat(_ context.Context, path string) (fs.FileInfo, error) { return os.Stat(path) }

// FreeDisk forbids the engine's own folder, as for ordinary users.
func (c *localConn) FreeDisk(_ context.Context, path string) (uint64, error) {
	if path == "/" {
		return c.free, nil
	}
	return 0, fs.ErrPermission
}

func (c *localConn) Close() error { return nil }

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
