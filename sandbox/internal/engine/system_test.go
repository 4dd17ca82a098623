package engine_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestClientNegotiates(t *testing.T) {
	m := newMachine(t)
	assert.Equal(t, "1.44", m.docker.ClientVersion())
	version, err := m.docker.ServerVersion(t.Context(), client.ServerVersionOptions{})
	require.NoError(t, err)
	assert.Equal(t, "1.44", version.APIVersion)
	info, err := m.docker.Info(t.Context(), client.InfoOptions{})
	require.NoError(t, err)
	assert.Equal(t, "i-0test", info.Info.Name)
	assert.Equal(t, runtime.GOOS, info.Info.OSType)
}

func TestPathsOfTheAPI(t *testing.T) {
	m := newMachine(t)
	for _, c := range []struct {
		method, path string
		status       int
		message      string
	}{
		{"GET", "/_ping", 200, ""},
		{"HEAD", "/v1.41/_ping", 200, ""},
		{"GET", "/v1.24/version", 200, ""},
		{"GET", "/v1.45/version", 400, "client version 1.45 is too new. Maximum supported API version is 1.44"},
		{"GET", "/v1.23/version", 400, "client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version"},
		{"GET", "/v1.99999/version", 404, "page not found"},
		{"PUT", "/version", 404, "page not found"},
		{"GET", "/nope", 404, "page not found"},
		{"GET", "/images/nope", 404, "page not found"},
		{"GET", "/images/nope/json", 404, "No such image: nope:latest"},
		{"GET", "/images/%21/json", 400, `invalid reference format: "!"`},
		{"GET", "/containers/nope/json", 404, "No such container: nope"},
		{"POST", "/containers/nope/start", 404, "No such container: nope"},
		{"GET", `/containers/json?filters={"nope":["x"]}`, 400, "invalid filter 'nope'"},
		{"POST", "/images/create?fromImage=UPPER", 400, `invalid reference format: "UPPER"`},
	} {
		w := httptest.NewRecorder()
		m.engine.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		assert.Equal(t, c.status, w.Code, c.path)
		assert.Equal(t, "1.44", w.Header().Get("Api-Version"), c.path)
		if c.message != "" {
			var body struct{ Message string }
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body), c.path)
			assert.Equal(t, c.message, body.Message)
		}
	}
}

func TestHeaderWithCredentialsMustMakeSense(t *testing.T) {
	m := newMachine(t)
	for _, header := range []string{"%%%", "bm90IEpTT04"} {
		r := httptest.NewRequest(http.MethodPost, "/images/create?fromImage="+m.registry.Host+"/x&tag=y", nil)
		r.Header.Set("X-Registry-Auth", header)
		w := httptest.NewRecorder()
		m.engine.ServeHTTP(w, r)
		assert.Equal(t, http.StatusBadRequest, w.Code)
		assert.NotContains(t, w.Body.String(), header, "credentials are never repeated")
	}
}
