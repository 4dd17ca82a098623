package engine

import (
	"archive/tar"
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func FuzzParseFilters(f *testing.F) {
	for _, seed := range []string{"", `{"name":["a"]}`, `{"name":{"a":true,"b":false}}`, `{"name":"a"}`, `{`, `null`, `[]`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := &http.Request{URL: &url.URL{RawQuery: url.Values{"filters": {text}}.Encode()}}
		parsed, err := parseFilters(r, "name")
		if err != nil {
			var api *apiError
			require.ErrorAs(t, err, &api)
			assert.Equal(t, http.StatusBadRequest, api.status)
			return
		}
		for name := range parsed {
			assert.Equal(t, "name", name, "only known filters")
		}
		assert.True(t, parsed.match("other", func(string) bool { return false }), "a filter that is not set matches")
	})
}

func FuzzParseBind(f *testing.F) {
	for _, seed := range []string{"/a:/b", "/a:/b:ro", "v:/b:rw,z", "a", ":/b", "/a:b", "/a:", "::::"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseBind(text)
		if err != nil {
			return
		}
		assert.True(t, path.IsAbs(p.Destination))
		assert.True(t, path.IsAbs(p.Source))
		assert.True(t, filepath.IsLocal(filepath.FromSlash(rooted(p.Source))), "a source is in the instance")
	})
}

func FuzzRegistryAuth(f *testing.F) {
	for _, seed := range []string{"", "e30=", "e30", "eyJ1c2VybmFtZSI6IkFXUyIsInBhc3N3b3JkIjoieCJ9", "%%%", "====", "bm9wZQ"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		auth, err := registryAuth(http.Header{"X-Registry-Auth": {text}})
		if err != nil {
			require.Nil(t, auth)
			return
		}
		_, err = auth.Authorization()
		require.NoError(t, err)
		if strings.Trim(text, "=") == "" {
			assert.Equal(t, authn.Anonymous, auth)
		}
	})
}

func FuzzPullReference(f *testing.F) {
	for _, seed := range [][2]string{{"127.0.0.1:5000/a/b", "v1"}, {"a", ""}, {"a@sha256:" + strings.Repeat("0", 64), ""}, {"A", "x"}, {"a", "sha256:x"}, {"", ""}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, from, tag string) {
		ref, err := pullReference(from, tag)
		if err != nil {
			return
		}
		assert.NotEmpty(t, tagOf(ref))
		assert.True(t, strings.HasPrefix(pinned(ref), ref.Name()))
	})
}

func FuzzUnversioned(f *testing.F) {
	for _, seed := range []string{"/v1.44/info", "/v1.99/info", "/v1.1/info", "/v1.", "/v2.0/x", "/info", "/v1.24//"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, p string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path = p
		got, err := unversioned(r)
		if err == nil {
			assert.True(t, strings.HasSuffix(p, got.URL.Path))
		}
		assert.Equal(t, p, r.URL.Path, "the request itself is left alone")
	})
}

func FuzzParseMoment(f *testing.F) {
	for _, seed := range []string{"1", "1.5", "1.123456789012", "10m", "2026-01-02T03:04:05Z", "x", "1.x", "", "."} {
		f.Add(seed)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseMoment(text, now)
		if err != nil {
			assert.True(t, got.IsZero())
		}
	})
}

// FuzzExtract writes whatever tar it gets and looks for what is outside.
func FuzzExtract(f *testing.F) {
	const room = 1 << 20
	for _, h := range []tar.Header{
		{Name: "a/b", Typeflag: tar.TypeReg},
		{Name: "../x", Typeflag: tar.TypeReg},
		{Name: "l", Linkname: "/../../x", Typeflag: tar.TypeSymlink},
		{Name: "l", Linkname: "../../x", Typeflag: tar.TypeSymlink},
		{Name: "h", Linkname: "../../x", Typeflag: tar.TypeLink},
		{Name: "d/", Typeflag: tar.TypeDir},
	} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		h.Mode = 0o600
		require.NoError(f, w.WriteHeader(&h))
		require.NoError(f, w.WriteHeader(&tar.Header{Name: "l/x", Typeflag: tar.TypeReg, Mode: 0o600}))
		require.NoError(f, w.Close())
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		outside := t.TempDir()
		inside := filepath.Join(outside, "a", "root")
		require.NoError(t, os.MkdirAll(inside, 0o755))
		root, err := os.OpenRoot(inside)
		require.NoError(t, err)
		defer root.Close()
		_, _ = extract(root, tar.NewReader(bytes.NewReader(data)), room) // an error is as good as none here
		for folder, want := range map[string][]string{outside: {"a"}, filepath.Join(outside, "a"): {"root"}} {
			entries, err := os.ReadDir(folder)
			require.NoError(t, err)
			var names []string
			for _, e := range entries {
				names = append(names, e.Name())
			}
			assert.Equal(t, want, slices.Compact(names))
		}
	})
}
