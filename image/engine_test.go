package image

import (
	"bytes"
	"context"
	"errors"
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
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	ociregistry "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// needEngine skips the test if no Docker engine can build for it.
func needEngine(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("a real Docker engine takes its time")
	}
	if runtime.GOOS != "linux" {
		t.Skip("needs a Docker engine that reaches this machine's loopback: Linux")
	}
	t.Setenv("DOCKER_HOST", "") // it may name an engine that cannot build, such as a sandbox's
	if _, err := (docker{}).platform(t.Context()); err != nil {
		t.Skipf("needs a Docker engine on this machine: %v", err)
	}
}

// httpRegistry is a real registry with a login. It counts the uploads of layers.
type httpRegistry struct {
	host    string
	uploads *atomic.Int64
}

func openRegistry(t *testing.T) httpRegistry {
	t.Helper()
	inner, uploads := ociregistry.New(ociregistry.Logger(log.New(io.Discard, "", 0))), new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != token {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.Method == http.MethodPost && strings.Contains(r.URL.Path, "/blobs/uploads") {
			uploads.Add(1)
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return httpRegistry{strings.TrimPrefix(server.URL, "http://"), uploads}
}

func (r httpRegistry) URI() string { return r.host + "/svc" }

func (r httpRegistry) Login(context.Context) (user, password string, err error) {
	return "AWS", token, nil
}

func (r httpRegistry) Digest(ctx context.Context, tag string) (string, error) {
	ref, err := name.NewTag(r.URI() + ":" + tag)
	if err != nil {
		return "", err
	}
	head, err := remote.Head(ref, r.options(ctx)...)
	var answer *transport.Error
	if errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return head.Digest.String(), nil
}

// Commit returns "", like a registry whose tags are not commits.
func (r httpRegistry) Commit(context.Context, string) (string, error) { return "", nil }

func (r httpRegistry) Retag(ctx context.Context, digest, tag string) error {
	ref, err := name.NewDigest(r.URI() + "@" + digest)
	if err != nil {
		return err
	}
	image, err := remote.Get(ref, r.options(ctx)...)
	if err != nil {
		return err
	}
	return remote.Tag(ref.Tag(tag), image, r.options(ctx)...)
}

func (r httpRegistry) options(ctx context.Context) []remote.Option {
	return []remote.Option{remote.WithContext(ctx), remote.WithAuth(&authn.Basic{Username: "AWS", Password: token})}
}

// forget removes a test's images from the engine.
func forget(t *testing.T, refs ...string) {
	t.Helper()
	for _, ref := range refs {
		out, err := exec.Command("docker", "image", "rm", "--force", ref).CombinedOutput()
		if err != nil {
			t.Logf("remove %s: %s", ref, out)
		}
	}
}

// TestBuildPushPullRun builds, pushes, pulls and runs an image with a real engine and a real registry.
func TestBuildPushPullRun(t *testing.T) {
	needEngine(t)
	root, service := checkout(t)
	output := &bytes.Buffer{}
	o := Options{Dir: service, Name: fmt.Sprintf("svc%d", os.Getpid()), CompileGo: true, Out: output, Err: output}
	renameProgram(t, service, o.Name)
	first, err := Build(t.Context(), o)
	require.NoError(t, err, "%s", output)
	t.Cleanup(func() { forget(t, first.Ref) })
	assert.Equal(t, DefaultPlatform, first.Platform)

	r := openRegistry(t)
	_, err = Push(t.Context(), o, expired{r})
	require.ErrorContains(t, err, "log in to 127.0.0.1:")
	assert.NotContains(t, err.Error(), "\n")
	assert.NotContains(t, err.Error(), "outdated-token")

	pushed, err := Push(t.Context(), o, r)
	require.NoError(t, err)
	assert.False(t, pushed.Present)
	assert.Contains(t, output.String(), "Pushed", "progress is shown")
	t.Cleanup(func() { forget(t, pushed.Ref) })

	uploads, began := r.uploads.Load(), time.Now()
	again, err := Push(t.Context(), o, r)
	require.NoError(t, err)
	took := time.Since(began)
	assert.Less(t, took, time.Minute)
	t.Logf("%s", took)
	assert.True(t, again.Present)
	assert.Equal(t, uploads, r.uploads.Load(), "a layer was uploaded twice")
	latest, err := r.Digest(t.Context(), Latest)
	require.NoError(t, err)
	assert.Equal(t, pushed.Digest, latest)

	// On another runner the engine does not hold the image, so that the same commit is built again.
	forget(t, first.Ref, pushed.Ref)
	require.NoError(t, os.RemoveAll(service+"/bin"))
	second, err := Build(t.Context(), o)
	require.NoError(t, err)
	assert.Equal(t, first.Layers, second.Layers, "the same commit gave another layer")
	anew, err := Push(t.Context(), o, r)
	require.NoError(t, err, "the rebuilt image is the same as the one in the registry")
	assert.True(t, anew.Present)
	assert.Equal(t, pushed.Digest, anew.Digest)

	assert.Equal(t, first.Source.Commit, runImage(t, r, pushed.Digest), "the program does not print its commit")

	write(t, root+"/README", "changed\n")
	dirty, err := Build(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { forget(t, dirty.Ref) })
	assert.Equal(t, first.Ref+"-dirty", dirty.Ref)
	assert.Equal(t, first.Layers, dirty.Layers, "the changed file is not part of the image")
}

// renameProgram makes the Dockerfile copy the program by another name.
func renameProgram(t *testing.T, service, name string) {
	t.Helper()
	path := service + "/Dockerfile"
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	write(t, path, strings.ReplaceAll(string(content), "bin/svc-", "bin/"+name+"-"))
	runGit(t, service, "commit", "--quiet", "--all", "--message", "its name")
}

// runImage pulls the image from the registry, runs it and returns its output.
func runImage(t *testing.T, r httpRegistry, digest string) string {
	t.Helper()
	cli, remove, err := login(t.Context(), r)
	require.NoError(t, err)
	defer func() { assert.NoError(t, remove()) }()
	ref := r.URI() + "@" + digest
	forget(t, ref)
	require.NoError(t, cli.pull(t.Context(), ref))
	t.Cleanup(func() { forget(t, ref) })
	run := cli.command(time.Minute, "run", "--rm", "--network=none", ref)
	output := &bytes.Buffer{}
	run.err = output
	require.NoError(t, run.run(t.Context()))
	return strings.TrimSpace(output.String())
}

func TestBuildForAnotherPlatform(t *testing.T) {
	needEngine(t)
	_, service := checkout(t)
	other := "linux/arm64"
	if own, err := (docker{}).platform(t.Context()); err == nil && own == other {
		other = DefaultPlatform
	}
	built, err := Build(t.Context(), Options{Dir: service, CompileGo: true, Platform: other})
	if err != nil && (docker{}).builder(t.Context()) == Classic {
		require.ErrorContains(t, err, "install docker buildx")
		return
	}
	require.NoError(t, err)
	t.Cleanup(func() { forget(t, built.Ref) })
	assert.Equal(t, other, built.Platform)
}

// TestBuildNeedsOnlyADockerfile builds a service that is not written in Go, so that nothing is compiled. The image's
// labels hold the commit although the Dockerfile takes no argument.
func TestBuildNeedsOnlyADockerfile(t *testing.T) {
	needEngine(t)
	dir := filepath.Join(t.TempDir(), fmt.Sprintf("web%d", os.Getpid()))
	write(t, filepath.Join(dir, "index.html"), "hello\n")
	write(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\nCOPY index.html /\nCMD [\"/serve\"]\n")
	runGit(t, dir, "init", "--quiet")
	runGit(t, dir, "add", ".")
	runGit(t, dir, "commit", "--quiet", "--message=web")
	output := &bytes.Buffer{}
	built, err := Build(t.Context(), Options{Dir: dir, Out: output, Err: output})
	require.NoError(t, err, "%s", output)
	t.Cleanup(func() { forget(t, built.Ref) })
	assert.Equal(t, filepath.Base(dir)+":"+built.Source.Commit, built.Ref)
	found, err := docker{}.inspect(t.Context(), built.Ref)
	require.NoError(t, err)
	assert.Equal(t, built.Source.Commit, found.Config.Labels[revisionLabel])
	assert.NoDirExists(t, filepath.Join(dir, "bin"))
}

// expired is a registry whose login has expired.
type expired struct{ httpRegistry }

func (expired) Digest(context.Context, string) (string, error) { return "", nil }

func (expired) Login(context.Context) (user, password string, err error) {
	return "AWS", "outdated-token", nil
}
