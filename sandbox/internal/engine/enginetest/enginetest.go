// Package enginetest makes real images of a small service, and registries with them, for tests of the sandbox's instances.
package enginetest

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/require"
)

// program is the service's binary, built once for all tests of a package.
var program = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "service-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	_, here, _, _ := runtime.Caller(0)
	file := filepath.Join(dir, "service")
	cmd := exec.Command("go", "build", "-o", file, ".")
	cmd.Dir = filepath.Join(filepath.Dir(here), "testdata", "service")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the service: %w: %s", err, out)
	}
	return os.ReadFile(file)
})

// File is an entry of a layer.
type File struct {
	Name, Link string
	Type       byte // 0 means a regular file
	Mode       int64
	Content    []byte
}

// Layer makes an uncompressed layer of the files, because compression takes seconds under the race detector.
func Layer(t testing.TB, files ...File) v1.Layer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.Name, Typeflag: f.Type, Linkname: f.Link, Mode: f.Mode, Size: int64(len(f.Content))}
		if f.Type == 0 {
			h.Typeflag = tar.TypeReg
		}
		if f.Mode == 0 {
			h.Mode = 0o755
		}
		require.NoError(t, w.WriteHeader(h))
		_, err := w.Write(f.Content)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return static.NewLayer(b.Bytes(), types.OCIUncompressedLayer)
}

// Image makes an image of the service, built from the commit; change may alter
// its configuration.
func Image(t testing.TB, commit string, change func(*v1.Config)) v1.Image {
	t.Helper()
	binary, err := program()
	require.NoError(t, err)
	return ImageOf(t, commit, change, Layer(t, File{Name: "service", Content: binary}),
		Layer(t, File{Name: "commit", Mode: 0o644, Content: []byte(commit)}))
}

// ImageOf is Image with layers of the caller's.
func ImageOf(t testing.TB, commit string, change func(*v1.Config), layers ...v1.Layer) v1.Image {
	t.Helper()
	img, err := mutate.AppendLayers(empty.Image, layers...)
	require.NoError(t, err)
	config := v1.Config{
		Entrypoint:   []string{"/service"},
		Env:          []string{"PORT=8080", "LOG_DIR=/tmp/deployment-test", "GIT_COMMIT=" + commit},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		Labels:       map[string]string{"commit": commit},
		User:         "65532:65532",
	}
	if change != nil {
		change(&config)
	}
	file, err := img.ConfigFile()
	require.NoError(t, err)
	file = file.DeepCopy()
	file.Config, file.OS, file.Architecture, file.Created = config, runtime.GOOS, runtime.GOARCH, v1.Time{Time: time.Now()}
	img, err = mutate.ConfigFile(img, file)
	require.NoError(t, err)
	return img
}

// Registry is a registry on a loopback address.
type Registry struct {
	// Host is its host:port, the beginning of its references.
	Host string
	mu   sync.Mutex
	wrap func(http.ResponseWriter, *http.Request) bool
}

// NewRegistry starts a registry that ends with the test.
func NewRegistry(t testing.TB) *Registry {
	t.Helper()
	r := &Registry{}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		wrap := r.wrap
		r.mu.Unlock()
		if wrap == nil || !wrap(w, q) {
			inner.ServeHTTP(w, q)
		}
	}))
	t.Cleanup(server.Close)
	r.Host = strings.TrimPrefix(server.URL, "http://")
	return r
}

// Intercept lets answer serve requests first; it reports whether it did.
func (r *Registry) Intercept(answer func(http.ResponseWriter, *http.Request) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrap = answer
}

// Push pushes the image as repository:tag and returns repository@digest.
func (r *Registry) Push(t testing.TB, repository, tag string, img v1.Image) string {
	t.Helper()
	ref, err := name.ParseReference(r.Host + "/" + repository + ":" + tag)
	require.NoError(t, err)
	require.NoError(t, remote.Write(ref, img, remote.WithContext(context.Background())))
	digest, err := img.Digest()
	require.NoError(t, err)
	return r.Host + "/" + repository + "@" + digest.String()
}
