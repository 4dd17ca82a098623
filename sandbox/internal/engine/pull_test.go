package engine_test

import (
	"archive/tar"
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/sandbox/internal/engine/enginetest"
)

func (m *machine) pullMessages(ref string) (messages []jsonstream.Message, err error) {
	m.Helper()
	answer, err := m.docker.ImagePull(m.Context(), ref, client.ImagePullOptions{})
	require.NoError(m, err)
	defer answer.Close()
	for message, err := range answer.JSONMessages(m.Context()) {
		if err != nil {
			return messages, err
		}
		if message.Error != nil {
			return messages, message.Error
		}
		messages = append(messages, message)
	}
	return messages, nil
}

func TestPullByDigest(t *testing.T) {
	m := newMachine(t)
	ref := m.registry.Push(t, "growl-backend", "v1", enginetest.Image(t, "v1", nil))
	messages, err := m.pullMessages(ref)
	require.NoError(t, err)
	_, digest, _ := strings.Cut(ref, "@")
	assert.Equal(t, "Pulling from growl-backend", messages[0].Status)
	assert.Equal(t, digest, messages[0].ID)
	assert.Equal(t, "Digest: "+digest, messages[len(messages)-2].Status)
	assert.Equal(t, "Status: Downloaded newer image for "+ref, messages[len(messages)-1].Status)
	var moved bool
	for _, message := range messages {
		moved = moved || (message.Progress != nil && message.Progress.Current > 0 && message.Progress.Current < message.Progress.Total)
	}
	assert.True(t, moved, "the download shows its progress")

	img, err := m.docker.ImageInspect(t.Context(), ref)
	require.NoError(t, err)
	assert.Equal(t, []string{ref}, img.RepoDigests)
	assert.Empty(t, img.RepoTags)
	assert.Contains(t, img.Config.Env, "GIT_COMMIT=v1")
	assert.Positive(t, img.Size)

	messages, err = m.pullMessages(ref)
	require.NoError(t, err)
	assert.Equal(t, "Status: Image is up to date for "+ref, messages[len(messages)-1].Status)
}

func TestTagMoves(t *testing.T) {
	m := newMachine(t)
	tag := m.registry.Host + "/growl-backend:latest"
	first := m.registry.Push(t, "growl-backend", "latest", enginetest.Image(t, "v1", nil))
	require.NoError(t, m.pullRef(tag))
	second := m.registry.Push(t, "growl-backend", "latest", enginetest.Image(t, "v2", nil))
	messages, err := m.pullMessages(tag)
	require.NoError(t, err)
	var exists bool
	for _, message := range messages {
		exists = exists || message.Status == "Already exists"
	}
	assert.True(t, exists, "the layer with the program is the same")

	old, err := m.docker.ImageInspect(t.Context(), first)
	require.NoError(t, err)
	assert.Empty(t, old.RepoTags)
	latest, err := m.docker.ImageInspect(t.Context(), tag)
	require.NoError(t, err)
	assert.Equal(t, []string{second}, latest.RepoDigests)
	assert.Equal(t, []string{tag}, latest.RepoTags)
}

func TestRegistryRefusesBeforeTheStream(t *testing.T) {
	m := newMachine(t)
	_, err := m.docker.ImagePull(t.Context(), m.registry.Host+"/growl-backend:nope", client.ImagePullOptions{})
	require.True(t, errdefs.IsNotFound(err), err)
	require.ErrorContains(t, err, "not found: manifest unknown")

	ref := m.registry.Push(t, "growl-backend", "v1", enginetest.Image(t, "v1", nil))
	m.registry.Intercept(basicAuth)
	_, err = m.docker.ImagePull(t.Context(), ref, client.ImagePullOptions{})
	require.True(t, errdefs.IsInternal(err), err)
	require.ErrorContains(t, err, "no basic auth credentials")
	_, err = m.docker.ImagePull(t.Context(), ref, client.ImagePullOptions{RegistryAuth: credentials(t, "wrong")})
	require.True(t, errdefs.IsInternal(err), err)
	require.ErrorContains(t, err, "unauthorized: Not Authorized")
	_, err = m.docker.ImagePull(t.Context(), ref, client.ImagePullOptions{RegistryAuth: credentials(t, "expired")})
	require.True(t, errdefs.IsNotFound(err), err)
	require.ErrorContains(t, err, "pull access denied")
	require.ErrorContains(t, err, "Your authorization token has expired")

	answer, err := m.docker.ImagePull(t.Context(), ref, client.ImagePullOptions{RegistryAuth: credentials(t, "token")})
	require.NoError(t, err)
	require.NoError(t, answer.Wait(t.Context()))
}

// basicAuth is ECR's behaviour: 401 without a good login, 403 with an expired one.
func basicAuth(w http.ResponseWriter, r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	switch {
	case !ok || password == "wrong":
		w.Header().Set("WWW-Authenticate", `Basic realm="sandbox"`)
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"errors":[{"code":"UNAUTHORIZED","message":"Not Authorized"}]}`)
	case user == "AWS" && password == "token":
		return false
	default:
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"errors":[{"code":"DENIED","message":"Your authorization token has expired. Reauthenticate and try again."}]}`)
	}
	return true
}

func credentials(t *testing.T, password string) string {
	t.Helper()
	text, err := authconfig.Encode(registry.AuthConfig{Username: "AWS", Password: password})
	require.NoError(t, err)
	return text
}

func TestPullFailsInTheStream(t *testing.T) {
	for _, c := range []struct {
		name  string
		fail  func(m *machine)
		error string
	}{
		{"disk full", func(m *machine) { m.engine.SetDiskFull(true) }, "no space left on device"},
		{"wrong digest", func(m *machine) {
			m.registry.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
				bad := r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") && r.Header.Get("Accept") == ""
				if bad {
					_, _ = io.WriteString(w, "not the layer")
				}
				return bad
			})
		}, "sha256"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			ref := m.registry.Push(t, "growl-backend", "v1", enginetest.Image(t, "v1", nil))
			c.fail(m)
			messages, err := m.pullMessages(ref)
			require.ErrorContains(t, err, c.error)
			assert.NotEmpty(t, messages, "the stream had begun")
			assert.NotContains(t, err.Error(), m.root, "no path of this machine")
			_, err = m.docker.ImageInspect(t.Context(), ref)
			require.True(t, errdefs.IsNotFound(err), "nothing of it is kept: %v", err)

			m.registry.Intercept(nil)
			m.engine.SetDiskFull(false)
			require.NoError(t, m.pullRef(ref), "the next pull goes on")
		})
	}
}

func TestLayerMayBeCompressed(t *testing.T) {
	m := newMachine(t)
	plain, err := enginetest.Layer(t, enginetest.File{Name: "file", Content: []byte("content")}).Uncompressed()
	require.NoError(t, err)
	content, err := io.ReadAll(plain)
	require.NoError(t, err)
	zipped, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil })
	require.NoError(t, err)
	img := enginetest.ImageOf(t, "zipped", nil, zipped)
	require.NoError(t, m.pullRef(m.registry.Push(t, "zipped", "zipped", img)))
	assert.FileExists(t, filepath.Join(m.rootfs(img), "file"))
}

func TestLayerMustBeTheConfigs(t *testing.T) {
	m := newMachine(t)
	img := enginetest.ImageOf(t, "other", nil, enginetest.Layer(t, enginetest.File{Name: "file", Content: []byte("content")}))
	config, err := img.ConfigFile()
	require.NoError(t, err)
	config = config.DeepCopy()
	config.RootFS.DiffIDs[0].Hex = strings.Repeat("0", 64)
	img, err = mutate.ConfigFile(img, config)
	require.NoError(t, err)
	require.ErrorContains(t, m.pullRef(m.registry.Push(t, "other", "other", img)), "layers from manifest don't match image configuration")
}

func TestDiskFullShows(t *testing.T) {
	m := newMachine(t)
	before := m.engine.Disk()
	m.pull("v1", nil)
	assert.Less(t, m.engine.Disk().Free, before.Free, "an image takes room")
	m.engine.SetDiskFull(true)
	assert.Less(t, m.engine.Disk().Free, uint64(10<<20))
	m.engine.SetDiskFull(false)
	assert.Greater(t, m.engine.Disk().Free, uint64(1<<30))
}

// rootfs is where the engine unpacks the image.
func (m *machine) rootfs(img v1.Image) string {
	m.Helper()
	id, err := img.ConfigName()
	require.NoError(m, err)
	return filepath.Join(m.root, "var/lib/docker/rootfs", id.Hex)
}

func TestLayersCannotLeaveTheirFolder(t *testing.T) {
	for _, c := range []struct {
		name    string
		refused bool
		files   []enginetest.File
	}{
		{"name", true, []enginetest.File{{Name: "../../../../escaped", Content: []byte("x")}}},
		{"link to a folder", false, []enginetest.File{
			{Name: "out", Type: tar.TypeSymlink, Link: "../../../../.."},
			{Name: "out/escaped", Content: []byte("x")},
		}},
		{"absolute link", false, []enginetest.File{
			{Name: "out", Type: tar.TypeSymlink, Link: "/" + strings.Repeat("../", 20) + "tmp"},
			{Name: "in", Content: []byte("x")},
		}},
		{"hard link", false, []enginetest.File{{Name: "passwd", Type: tar.TypeLink, Link: "../../../../../etc/passwd"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			img := enginetest.ImageOf(t, "bad", nil, enginetest.Layer(t, c.files...))
			ref := m.registry.Push(t, "bad", "bad", img)
			assert.Equal(t, c.refused, m.pullRef(ref) != nil)
			_, err := os.ReadFile(filepath.Join(m.rootfs(img), "passwd"))
			require.ErrorIs(t, err, os.ErrNotExist)
			require.NoError(t, filepath.WalkDir(filepath.Dir(m.root), func(path string, _ os.DirEntry, err error) error {
				assert.False(t, filepath.Base(path) == "escaped" && path != filepath.Join(m.rootfs(img), "out", "escaped"), path)
				return err
			}))
		})
	}
}

func TestLayersWithLinksAndWhiteouts(t *testing.T) {
	m := newMachine(t)
	img := enginetest.ImageOf(t, "links", nil,
		enginetest.Layer(t,
			enginetest.File{Name: "bin/", Type: tar.TypeDir, Mode: 0o555},
			enginetest.File{Name: "bin/real", Content: []byte("program")},
			enginetest.File{Name: "bin/absolute", Type: tar.TypeSymlink, Link: "/bin/real"},
			enginetest.File{Name: "bin/relative", Type: tar.TypeSymlink, Link: "real"},
			enginetest.File{Name: "bin/hard", Type: tar.TypeLink, Link: "bin/real"},
			enginetest.File{Name: "gone", Content: []byte("x")}),
		enginetest.Layer(t, enginetest.File{Name: ".wh.gone"}))
	ref := m.registry.Push(t, "links", "links", img)
	require.NoError(t, m.pullRef(ref))
	rootfs := m.rootfs(img)
	for _, name := range []string{"real", "absolute", "relative", "hard"} {
		content, err := os.ReadFile(filepath.Join(rootfs, "bin", name))
		require.NoError(t, err)
		assert.Equal(t, "program", string(content), name)
	}
	assert.NoFileExists(t, filepath.Join(rootfs, "gone"))
}
