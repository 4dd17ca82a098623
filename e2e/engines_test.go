package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"regexp"
	"sync"
	"testing"

	"github.com/moby/moby/client/pkg/versions"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// engines meets a release that starts and is not healthy, then engines of other
// ages: a newer one is deployed to, one that is too old is left alone.
func (f *fleet) engines(t *testing.T) {
	part(t, "a release answers 500", func(t *testing.T) {
		f.putsBack(t, "unhealthy", "GET /healthz answers 500", "v1")
	})
	f.publish(t, "v2")
	f.atOnce(2)
	part(t, "the engines speak a newer API", func(t *testing.T) {
		var newer []*engineAPI
		for _, h := range f.hosts {
			newer = append(newer, h.speak(t, "1.44", "1.99"))
		}
		f.rollsOut(t, "v2")
		for _, api := range newer {
			assert.NotEmpty(t, api.spoken())
			for _, version := range api.spoken() {
				assert.True(t, versions.GreaterThanOrEqualTo(version, "1.44"), version)
			}
		}
	})
	part(t, "the engines are too old", func(t *testing.T) {
		f.publish(t, "v3")
		for _, h := range f.hosts {
			h.speak(t, "1.12", "1.40")
		}
		var r *run
		requireNoneFailed(t, f.load(t, func() {
			r = f.deploy(t, "v3")
			require.Equal(t, 1, r.end(t))
		}))
		assert.Contains(t, r.said(), "it speaks API 1.40, and 1.41 is the oldest that will do: upgrade Docker to 20.10 or newer")
		f.requireUntouched(t, r)
	})
	f.assertServes(t, "v2")
}

// ownAPI is the newest version that the engines on the hosts really speak.
const ownAPI = "1.41"

// engineAPI stands before a host's engine as one of another age.
type engineAPI struct {
	oldest, newest string
	engine         *httputil.ReverseProxy

	mu   sync.Mutex
	used map[string]bool
}

// speak puts it there until the test ends.
func (h *host) speak(t *testing.T, oldest, newest string) *engineAPI {
	t.Helper()
	socket, moved := h.path("/run/docker.sock"), h.path("/run/engine.sock")
	require.NoError(t, os.Rename(socket, moved))
	t.Cleanup(func() { assert.NoError(t, os.Rename(moved, socket)) })
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	api := &engineAPI{oldest: oldest, newest: newest, used: map[string]bool{}, engine: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "engine" },
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", moved)
		}},
		FlushInterval: -1,
		ModifyResponse: func(r *http.Response) error {
			r.Header.Set("Api-Version", newest)
			return nil
		},
	}}
	server := &http.Server{Handler: api}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			assert.NoError(t, err)
		}
	})
	return api
}

var versioned = regexp.MustCompile(`^/v([0-9.]+)(/.*)$`)

// ServeHTTP refuses what an engine of that age would, in its words, and has the
// engine answer the rest.
func (a *engineAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if m := versioned.FindStringSubmatch(r.URL.Path); m != nil {
		a.mu.Lock()
		a.used[m[1]] = true
		a.mu.Unlock()
		switch {
		case versions.LessThan(m[1], a.oldest):
			refuse(w, "client version %s is too old. Minimum supported API version is %s, please upgrade your client to a newer version", m[1], a.oldest)
			return
		case versions.GreaterThan(m[1], a.newest):
			refuse(w, "client version %s is too new. Maximum supported API version is %s", m[1], a.newest)
			return
		}
		r.URL.Path, r.URL.RawPath = "/v"+ownAPI+m[2], ""
	}
	a.engine.ServeHTTP(w, r)
}

func refuse(w http.ResponseWriter, format string, args ...any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = fmt.Fprintf(w, `{"message":%q}`, fmt.Sprintf(format, args...))
}

// spoken are the versions that clients asked for.
func (a *engineAPI) spoken() (all []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for version := range a.used {
		all = append(all, version)
	}
	return all
}
