package registry_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/sandbox/internal/registry"
)

// site is a registry served on loopback, with go-containerregistry's client.
type site struct {
	*registry.Registry
	host  string
	token string
}

func serve(t *testing.T, repositories ...registry.Repository) *site {
	r, err := registry.New(registry.Options{Repositories: repositories})
	require.NoError(t, err)
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	require.NoError(t, err)
	token, _ := r.Issue(nil)
	return &site{r, u.Host, token}
}

func (s *site) options() []remote.Option {
	return []remote.Option{
		remote.WithAuth(&authn.Basic{Username: "AWS", Password: s.token}),
		remote.WithRetryBackoff(remote.Backoff{Duration: time.Millisecond, Steps: 1}),
	}
}

func (s *site) ref(t *testing.T, path string) name.Reference {
	ref, err := name.ParseReference(s.host + "/" + path)
	require.NoError(t, err)
	return ref
}

func (s *site) push(t *testing.T, path string, image v1.Image) error {
	return remote.Write(s.ref(t, path), image, s.options()...)
}

func (s *site) pull(t *testing.T, path string) (v1.Image, error) {
	return remote.Image(s.ref(t, path), s.options()...)
}

func someImage(t *testing.T) (image v1.Image, digest string) {
	image, err := random.Image(4096, 2)
	require.NoError(t, err)
	h, err := image.Digest()
	require.NoError(t, err)
	return image, h.String()
}

// answered reports the status and code with which the registry refused.
func answered(t *testing.T, err error) (int, string) {
	t.Helper()
	refused, ok := errors.AsType[*transport.Error](err)
	require.True(t, ok, "%v", err)
	if len(refused.Errors) == 0 {
		return refused.StatusCode, ""
	}
	return refused.StatusCode, string(refused.Errors[0].Code)
}

func TestPushedImageIsRecordedAndPulled(t *testing.T) {
	s := serve(t, registry.Repository{Name: "growl-backend"}, registry.Repository{Name: "a/b/c"})
	image, digest := someImage(t)
	for _, repository := range []string{"growl-backend", "a/b/c"} {
		require.NoError(t, s.push(t, repository+":v1", image))
		for _, reference := range []string{":v1", "@" + digest} {
			pulled, err := s.pull(t, repository+reference)
			require.NoError(t, err)
			layers, err := pulled.Layers()
			require.NoError(t, err)
			require.Len(t, layers, 2)
			body, err := layers[0].Compressed()
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, body)
			require.NoError(t, err)
			require.NoError(t, body.Close())
		}
		record, err := s.Image(repository, "v1")
		require.NoError(t, err)
		raw, err := image.RawManifest()
		require.NoError(t, err)
		mediaType, err := image.MediaType()
		require.NoError(t, err)
		assert.Equal(t, digest, record.Digest)
		assert.Equal(t, raw, record.Manifest)
		assert.Equal(t, string(mediaType), record.MediaType)
		assert.Equal(t, []string{"v1"}, record.Tags)
		assert.WithinDuration(t, time.Now(), record.Pushed, time.Minute)
		assert.Equal(t, blobSize(t, image), record.Size)
	}
}

func blobSize(t *testing.T, image v1.Image) int64 {
	m, err := image.Manifest()
	require.NoError(t, err)
	size := m.Config.Size
	for _, l := range m.Layers {
		size += l.Size
	}
	return size
}

func TestLogin(t *testing.T) {
	s := serve(t, registry.Repository{Name: "web"})
	response, err := http.Get("http://" + s.host + "/v2/")
	require.NoError(t, err)
	_ = response.Body.Close()
	assert.Equal(t, http.StatusUnauthorized, response.StatusCode)
	assert.True(t, strings.HasPrefix(response.Header.Get("WWW-Authenticate"), "Basic realm="))

	image, _ := someImage(t)
	require.NoError(t, s.push(t, "web:v1", image))
	s.token = "never issued"
	_, err = s.pull(t, "web:v1")
	status, _ := answered(t, err)
	assert.Equal(t, http.StatusUnauthorized, status)

	fresh, expires := s.Issue(nil)
	assert.WithinDuration(t, time.Now().Add(12*time.Hour), expires, time.Minute)
	s.token = fresh
	_, err = s.pull(t, "web:v1")
	require.NoError(t, err)
}

func TestRepositoryMustExist(t *testing.T) {
	s := serve(t)
	image, _ := someImage(t)
	status, code := answered(t, s.push(t, "nowhere:v1", image))
	assert.Equal(t, http.StatusNotFound, status)
	assert.Equal(t, "NAME_UNKNOWN", code)
	_, err := s.Images("nowhere")
	require.ErrorIs(t, err, registry.ErrRepositoryNotFound)
	_, err = s.Image("nowhere", "v1")
	require.ErrorIs(t, err, registry.ErrRepositoryNotFound)
	_, err = s.PutManifest("nowhere", "v1", "", []byte("{}"))
	require.ErrorIs(t, err, registry.ErrRepositoryNotFound)
}

func TestRetagUploadsNothing(t *testing.T) {
	s := serve(t, registry.Repository{Name: "web"})
	image, digest := someImage(t)
	require.NoError(t, s.push(t, "web:v1", image))
	record, err := s.Image("web", digest)
	require.NoError(t, err)

	retagged, err := s.PutManifest("web", "deployed-dev", record.MediaType, record.Manifest)
	require.NoError(t, err)
	assert.Equal(t, []string{"deployed-dev", "v1"}, retagged.Tags)
	assert.Equal(t, record.Pushed, retagged.Pushed)
	pulled, err := s.pull(t, "web:deployed-dev")
	require.NoError(t, err)
	h, err := pulled.Digest()
	require.NoError(t, err)
	assert.Equal(t, digest, h.String())

	_, err = s.PutManifest("web", "deployed-dev", record.MediaType, record.Manifest)
	require.ErrorIs(t, err, registry.ErrImageExists)
	_, err = s.PutManifest("web", "", record.MediaType, record.Manifest)
	require.ErrorIs(t, err, registry.ErrImageExists)
}

func TestTagsMove(t *testing.T) {
	s := serve(t, registry.Repository{Name: "web"})
	first, firstDigest := someImage(t)
	second, secondDigest := someImage(t)
	require.NoError(t, s.push(t, "web:v", first))
	require.NoError(t, s.push(t, "web:v", second))
	images, err := s.Images("web")
	require.NoError(t, err)
	require.Len(t, images, 2)
	assert.Equal(t, firstDigest, images[0].Digest)
	assert.Empty(t, images[0].Tags)
	assert.Equal(t, secondDigest, images[1].Digest)
	assert.Equal(t, []string{"v"}, images[1].Tags)
	_, err = s.Image("web", "none")
	require.ErrorIs(t, err, registry.ErrImageNotFound)
}

func TestCutDownloads(t *testing.T) {
	s := serve(t, registry.Repository{Name: "web"})
	image, _ := someImage(t)
	require.NoError(t, s.push(t, "web:v1", image))
	layers, err := image.Layers()
	require.NoError(t, err)
	digest, err := layers[0].Digest()
	require.NoError(t, err)
	size, err := layers[0].Size()
	require.NoError(t, err)
	download := func() (int64, error) {
		request, err := http.NewRequest(http.MethodGet, "http://"+s.host+"/v2/web/blobs/"+digest.String(), nil)
		require.NoError(t, err)
		request.SetBasicAuth("AWS", s.token)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer func() { _ = response.Body.Close() }()
		return io.Copy(io.Discard, response.Body)
	}
	s.CutDownloads(true)
	n, err := download()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Equal(t, size/2, n)
	s.CutDownloads(false)
	n, err = download()
	require.NoError(t, err)
	assert.Equal(t, size, n)
}

func TestRefusedManifests(t *testing.T) {
	s := serve(t, registry.Repository{Name: "web"})
	image, _ := someImage(t)
	require.NoError(t, s.push(t, "web:v1", image))
	raw, err := image.RawManifest()
	require.NoError(t, err)
	for name, row := range map[string]struct {
		tag, manifest string
		want          error
	}{
		"not JSON":        {"v2", "manifest", registry.ErrManifestInvalid},
		"no media type":   {"v2", "{}", registry.ErrManifestInvalid},
		"unknown blob":    {"v2", `{"config":{"digest":"sha256:00","size":1}}`, registry.ErrBlobNotFound},
		"tag with slash":  {"v/2", string(raw), registry.ErrTagInvalid},
		"tag with spaces": {"v 2\r\n", string(raw), registry.ErrTagInvalid},
		"tag as digest":   {"sha256:00", string(raw), registry.ErrTagInvalid},
		"long tag":        {strings.Repeat("v", 129), string(raw), registry.ErrTagInvalid},
	} {
		_, err := s.PutManifest("web", row.tag, "", []byte(row.manifest))
		require.ErrorIs(t, err, row.want, name)
	}
	images, err := s.Images("web")
	require.NoError(t, err)
	assert.Len(t, images, 1)
}

func TestIndexNeedsItsImages(t *testing.T) {
	s := serve(t, registry.Repository{Name: "web"})
	index, err := random.Index(1024, 1, 2)
	require.NoError(t, err)
	require.NoError(t, remote.WriteIndex(s.ref(t, "web:multi"), index, s.options()...))
	images, err := s.Images("web")
	require.NoError(t, err)
	require.Len(t, images, 3)
	assert.Equal(t, []string{"multi"}, images[2].Tags)
	image, _ := someImage(t)
	raw, err := mutate.AppendManifests(index, mutate.IndexAddendum{Add: image}).RawManifest()
	require.NoError(t, err)
	_, err = s.PutManifest("web", "broken", images[2].MediaType, raw)
	require.ErrorIs(t, err, registry.ErrManifestInvalid)
}

func TestDeletesAndWrongDigestsAreRefused(t *testing.T) {
	s := serve(t, registry.Repository{Name: "web"})
	image, digest := someImage(t)
	require.NoError(t, s.push(t, "web:v1", image))
	status, _ := answered(t, remote.Delete(s.ref(t, "web@"+digest), s.options()...))
	assert.Equal(t, http.StatusMethodNotAllowed, status)

	request, err := http.NewRequest(http.MethodPut, "http://"+s.host+"/v2/web/manifests/"+digest, strings.NewReader("{}"))
	require.NoError(t, err)
	request.SetBasicAuth("AWS", s.token)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	_ = response.Body.Close()
	assert.Equal(t, http.StatusBadRequest, response.StatusCode)
}

func TestRefusedOptions(t *testing.T) {
	for fault, o := range map[string]registry.Options{
		"no name": {Repositories: []registry.Repository{{}}},
		"exists":  {Repositories: []registry.Repository{{Name: "a"}, {Name: "a"}}},
	} {
		_, err := registry.New(o)
		require.ErrorContains(t, err, fault)
	}
}

func FuzzPaths(f *testing.F) {
	for _, path := range []string{"/v2/", "/v2/web/blobs/uploads/", "/v2/web/manifests/blobs", "/v2/web/manifests/sha256:00", "/v2//manifests/", "/v2/_catalog", "//", "*", "", "/v2/web/tags/list"} {
		f.Add(path, "PUT", `{"mediaType":"x"}`)
		f.Add(path, "GET", "")
	}
	f.Fuzz(func(t *testing.T, path, method, body string) {
		r, err := registry.New(registry.Options{Repositories: []registry.Repository{{Name: "web"}}})
		require.NoError(t, err)
		token, _ := r.Issue(nil)
		request := &http.Request{Method: method, URL: &url.URL{Path: path}, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
		request.SetBasicAuth("AWS", token)
		answer := httptest.NewRecorder()
		r.ServeHTTP(answer, request)
		assert.Less(t, answer.Code, 500)
		images, err := r.Images("web")
		require.NoError(t, err)
		for _, image := range images {
			found, err := r.Image("web", image.Digest)
			require.NoError(t, err)
			assert.Equal(t, body, string(found.Manifest))
		}
	})
}
