package docker_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/growl-dev/deploy/internal/porttest"
	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/rollout"
	"github.com/stretchr/testify/require"
)

func swap(t *testing.T, h *docker.Host) error {
	t.Helper()
	if err := h.Stop(t.Context(), release(fakeNew)); err != nil {
		return err
	}
	if err := h.Start(t.Context(), release(fakeNew)); err != nil {
		return err
	}
	_, err := h.Prove(t.Context(), release(fakeNew))
	return err
}

// An answer can be lost when the act was not: every changing call is looked
// after before its error is believed.
func TestLostAnswers(t *testing.T) {
	for _, call := range []string{"create", "rename", "update", "stop", "start", "remove"} {
		t.Run(call, func(t *testing.T) {
			f := newFakeEngine(t)
			h := f.host()
			f.lose[call] = true
			require.NoError(t, swap(t, h))
			require.Equal(t, "svc-previous=old:exited:no svc=new:running:always", f.summary())
			require.NoError(t, h.Revert(t.Context()))
			require.Equal(t, "svc=old:running:always", f.summary())
			require.NoError(t, swap(t, h))
			f.lose = map[string]bool{}
			require.NoError(t, f.host().Revert(t.Context()))
			require.Equal(t, "svc=old:running:always", f.summary())
		})
	}
}

// A connection can end between two calls, and the next goes out into nothing. It
// is made anew once; where that is lost too, what came before can be undone.
func TestLostCalls(t *testing.T) {
	for _, call := range []string{"create", "rename", "update", "stop", "start"} {
		t.Run(call, func(t *testing.T) {
			f := newFakeEngine(t)
			h := f.host()
			f.set(func() { f.cut[call] = 1 })
			require.NoError(t, swap(t, h))
			require.Equal(t, "svc-previous=old:exited:no svc=new:running:always", f.summary())
			f.set(func() { f.cut["remove"] = 1 })
			require.NoError(t, h.Revert(t.Context()))
			require.Equal(t, "svc=old:running:always", f.summary())
			f.set(func() { f.cut[call] = 2 })
			require.ErrorContains(t, swap(t, h), "svc")
			f.set(func() { require.Zero(t, f.cut[call]) })
			require.NoError(t, h.Revert(t.Context()))
			require.Equal(t, "svc=old:running:always", f.summary())
		})
	}
}

// A signal says how things shall be, so one too many is harmless, and one too few
// is not.
func TestLostSignals(t *testing.T) {
	f := newFakeEngine(t)
	f.containers[0].Labels = map[string]string{f.spec.Label(docker.LabelDrain): "SIGUSR1", f.spec.Label(docker.LabelUndrain): "SIGUSR2"}
	h := f.host()
	for range 2 { // the container is not known, then it is
		f.set(func() { f.cut["kill"] = 1 })
		require.NoError(t, h.Drain(t.Context()))
		f.set(func() { require.Equal(t, "SIGUSR1", f.signal) })
		f.set(func() { f.lose["kill"] = true })
		require.Error(t, h.Undrain(t.Context()))
		f.set(func() { f.lose["kill"] = false })
		f.set(func() { require.Equal(t, "SIGUSR2", f.signal) })
	}
	f.set(func() { f.cut["kill"] = 2 })
	require.Error(t, h.Drain(t.Context()))
}

// A call that did nothing is an error, and what came before it can be undone.
func TestRefusedCalls(t *testing.T) {
	for _, call := range []string{"create", "rename", "update", "stop", "start"} {
		t.Run(call, func(t *testing.T) {
			f := newFakeEngine(t)
			h := f.host()
			f.refuse[call] = http.StatusInternalServerError
			err := swap(t, h)
			require.ErrorContains(t, err, "refused by the test")
			require.ErrorContains(t, err, "svc")
			f.refuse = map[string]int{}
			require.NoError(t, h.Revert(t.Context()))
			require.Equal(t, "svc=old:running:always", f.summary())
		})
	}
}

// A stale kept container that cannot be removed is not taken for the old one.
func TestRefusedRemovalOfStale(t *testing.T) {
	f := newFakeEngine(t)
	f.containers[0].Labels = map[string]string{f.spec.Label(docker.LabelRelease): "sha256:x"}
	f.containers = append(f.containers, &fakeContainer{ID: "stale", Name: "svc-previous", Image: fakeNew, State: "exited", Restart: "no"})
	h := f.host()
	f.refuse["remove"] = http.StatusInternalServerError
	require.Error(t, h.Stop(t.Context(), release(fakeNew)))
	require.NoError(t, h.Revert(t.Context()))
	require.Equal(t, "svc=old:running:always svc-previous=new:exited:no", f.summary())
}

// A container left unproven by a dead run is not kept when the one before it is
// there.
func TestUnprovenLeftover(t *testing.T) {
	f := newFakeEngine(t)
	f.containers[0].Name, f.containers[0].State, f.containers[0].Restart = "svc-previous", "exited", "no"
	f.containers = append(f.containers, &fakeContainer{
		ID: "bad", Name: "svc", Image: fakeNew, State: "exited", Restart: "always", Labels: map[string]string{f.spec.Label(docker.LabelRelease): "sha256:x"},
	})
	h := f.host()
	require.NoError(t, swap(t, h))
	require.Equal(t, "svc-previous=old:exited:no svc=new:running:always", f.summary())
	require.NoError(t, h.Revert(t.Context()))
	require.Equal(t, "svc=old:running:always", f.summary())
}

func TestEngineTooOld(t *testing.T) {
	for version, says := range map[string]string{"1.40": "it speaks API 1.40", "1.24": "it speaks API 1.24", "": "no Docker Engine", "x": ""} {
		f := newFakeEngine(t)
		f.version = version
		_, err := f.open()
		require.ErrorIs(t, err, docker.ErrEngine, version)
		require.ErrorContains(t, err, says)
	}
}

func TestEngineGone(t *testing.T) {
	f := newFakeEngine(t)
	h := f.host()
	f.server.Close()
	f.address = porttest.Refused
	_, err := f.open()
	require.ErrorIs(t, err, docker.ErrEngine)
	require.ErrorContains(t, err, "is Docker running")
	_, err = h.Inspect(t.Context())
	require.ErrorContains(t, err, "list containers")
}

// The client of the engine's API names a socket of its own and drops the reason: the error has both as they are.
func TestASocketThatCannotBeOpened(t *testing.T) {
	f := newFakeEngine(t)
	refused := errors.New("dial unix /run/other.sock on i-a at 10.0.0.1:22: ssh: rejected: connect failed (open failed)")
	_, err := docker.Open(t.Context(), &goneConn{f, refused}, docker.Options{Spec: f.spec, InstanceID: "i-a", Socket: "/run/other.sock"})
	require.ErrorIs(t, err, docker.ErrEngine)
	require.ErrorIs(t, err, refused)
	require.EqualError(t, err, "open the engine of i-a: engine unusable: "+refused.Error()+
		": is Docker running, is its socket /run/other.sock, is the deploy user in its group, and does sshd allow AllowStreamLocalForwarding?")
}

// Registries' errors arrive inside the stream of a 200 answer, and so does the
// end of a connection.
func TestPullErrors(t *testing.T) {
	good := fakeImage{[]string{fakeNew}, "linux", "amd64", "new"}
	none := fakeImage{}
	for name, test := range map[string]struct {
		stream string
		status int
		pulled fakeImage
		want   error
		says   string
	}{
		"good":            {`{"status":"Pull complete","id":"a"}`, 0, good, nil, ""},
		"error in stream": {`{"status":"Pulling"}` + "\n" + `{"errorDetail":{"message":"no space left on device"},"error":"no space left on device"}`, 0, none, docker.ErrPull, "pull failed: no space left on device"},
		"code in stream":  {`{"errorDetail":{"code":401,"message":"token expired"}}`, 0, none, docker.ErrPull, "lives 12 hours"},
		"odd code":        {`{"errorDetail":{"code":7,"message":"odd"}}`, 0, none, docker.ErrPull, "odd"},
		"refused":         {"", http.StatusForbidden, none, docker.ErrPull, "lives 12 hours"},
		"missing":         {"", http.StatusNotFound, none, docker.ErrPull, "was it pushed"},
		"cut off":         {`{"status":"Pulling`, 0, none, docker.ErrPull, ""},
		"answer lost":     {`{"status":"Pulling`, 0, good, nil, ""},
		"nothing came":    {`{"status":"done"}`, 0, none, docker.ErrImage, "after the pull"},
		"other digest":    {`{"status":"done"}`, 0, fakeImage{[]string{fakeOld}, "linux", "amd64", "new"}, docker.ErrImage, "knows it as"},
		"other machine":   {`{"status":"done"}`, 0, fakeImage{[]string{fakeNew}, "linux", "arm64", "new"}, docker.ErrImage, "linux/arm64"},
		"other commit":    {`{"status":"done"}`, 0, fakeImage{[]string{fakeNew}, "linux", "amd64", "old"}, docker.ErrImage, "commit old"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeEngine(t)
			delete(f.images, fakeNew)
			f.stream, f.pulled = test.stream, test.pulled
			if test.status != 0 {
				f.refuse["pull"] = test.status
			}
			err := f.host().Prepare(t.Context(), rollout.Release{Image: fakeNew, Commit: "new"}, nil)
			header, decodeErr := base64.URLEncoding.DecodeString(f.auth)
			require.NoError(t, decodeErr)
			require.JSONEq(t, `{"username":"AWS","password":"t0ps3cret","serveraddress":"registry.example"}`, string(header))
			if test.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, test.want)
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "t0ps3cret")
		})
	}
}

// A pull whose connection broke off is asked for again; what the engine or the
// registry said is believed at once.
func TestPullGoesOn(t *testing.T) {
	for stream, pulls := range map[string]int{
		`{"status":"Pulling`: 2,
		`{"errorDetail":{"message":"no space left on device"}}`: 1,
	} {
		f := newFakeEngine(t)
		delete(f.images, fakeNew)
		f.stream = stream
		f.then = func() {
			f.stream, f.pulled = `{"status":"Pull complete","id":"a"}`, fakeImage{[]string{fakeNew}, "linux", "amd64", "new"}
		}
		err := f.host().Prepare(t.Context(), release(fakeNew), nil)
		require.Equal(t, pulls, f.pulls)
		require.Equal(t, pulls == 2, err == nil, "%v", err)
	}
}

func TestPullProgress(t *testing.T) {
	f := newFakeEngine(t)
	delete(f.images, fakeNew)
	f.pulled = fakeImage{[]string{fakeNew}, "linux", "amd64", "new"}
	f.stream = `{"status":"Downloading","id":"a","progressDetail":{"current":10,"total":100}}
{"status":"Downloading","id":"b","progressDetail":{"current":50,"total":50}}
{"status":"Downloading","id":"a","progressDetail":{"current":100,"total":100}}
{"status":"Extracting","id":"a","progressDetail":{"current":1,"total":100}}
{"status":"Pull complete","id":"a","progressDetail":{}}`
	var seen []rollout.Progress
	err := f.host().Prepare(t.Context(), release(fakeNew), func(p rollout.Progress) { seen = append(seen, p) })
	require.NoError(t, err)
	require.Equal(t, []rollout.Progress{{Done: 10, Total: 100}, {Done: 60, Total: 150}, {Done: 150, Total: 150}}, seen)
}

// An image that is there by its digest is not pulled, and the registry not asked.
func TestPullSkipped(t *testing.T) {
	f := newFakeEngine(t)
	f.refuse["pull"] = http.StatusInternalServerError
	require.NoError(t, f.host().Prepare(t.Context(), release(fakeNew), nil))
	require.Empty(t, f.auth)
}

// Prove by a process that did not stop the old container knows no window.
func TestWindow(t *testing.T) {
	f := newFakeEngine(t)
	h := f.host()
	require.NoError(t, h.Stop(t.Context(), release(fakeNew)))
	require.NoError(t, h.Start(t.Context(), release(fakeNew)))
	window, err := h.Prove(t.Context(), release(fakeNew))
	require.NoError(t, err)
	require.Positive(t, window)
	require.Less(t, window, time.Minute)
	window, err = f.host().Prove(t.Context(), release(fakeNew))
	require.NoError(t, err)
	require.Zero(t, window)
}

// A container that ends before it has its name is told from an engine that
// cannot rename.
func TestDiesAtOnce(t *testing.T) {
	f := newFakeEngine(t)
	f.images[fakeNew] = fakeImage{[]string{fakeNew}, "linux", "amd64", "dies"}
	h := f.host()
	require.NoError(t, h.Stop(t.Context(), release(fakeNew)))
	err := h.Start(t.Context(), release(fakeNew))
	_, ok := errors.AsType[*docker.ExitedError](err)
	require.True(t, ok, err)
	require.NoError(t, h.Revert(t.Context()))
	require.Equal(t, "svc=old:running:always", f.summary())
}

func TestStartWithoutStop(t *testing.T) {
	f := newFakeEngine(t)
	require.ErrorContains(t, f.host().Start(t.Context(), release(fakeNew)), "there is no container svc-next")
	require.Error(t, f.host().Stop(t.Context(), rollout.Release{Image: "svc:latest"}))
	_, err := f.host().Prove(t.Context(), release(fakeNew))
	require.ErrorIs(t, err, docker.ErrNotRunning)
	require.Equal(t, "svc=old:running:always", f.summary())
}

// A proof whose time is over says what was missing while there was time, not that the
// look it was in the middle of ended with it.
func TestProofThatRunsOutSaysWhatWasMissing(t *testing.T) {
	f := newFakeEngine(t)
	f.spec.HealthPath = "/healthz"
	ctx, cancel := context.WithCancel(t.Context())
	conn := &sickConn{Conn: f, second: cancel}
	h, err := docker.Open(t.Context(), conn, docker.Options{Spec: f.spec})
	require.NoError(t, err)
	require.NoError(t, h.Stop(t.Context(), release(fakeNew)))
	require.NoError(t, h.Start(t.Context(), release(fakeNew)))
	_, err = h.Prove(ctx, release(fakeNew))
	require.ErrorIs(t, err, docker.ErrNotProven)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "GET /healthz answers 503")
	require.NotContains(t, err.Error(), "inspect")
}

// A proof that ran out names what failed and, if the service's declaration may be why, the setting: a service of another
// kind than ours may have another health path, another port, or no version path.
func TestProofThatRunsOutNamesTheSetting(t *testing.T) {
	const within = "not ready: container svc did not answer as it should in 50ms: "
	for name, test := range map[string]struct {
		answers string // the status line and what follows, for any path; empty: the connection ends
		spec    func(*docker.Spec)
		says    string
	}{
		"no such health path": {"404 Not Found", nil, "GET /healthz answers 404: set HealthPath of the service's container to a path that answers 200"},
		"it redirects":        {"302 Found", nil, "GET /healthz answers 302: set HealthPath"},
		"it is not well":      {"500 Internal Server Error", nil, "GET /healthz answers 500"},
		"nothing listens":     {"", nil, "EOF: does the service listen on port 9000 (ContainerPort) inside the container?"},
		"no version path": {"200 OK", func(s *docker.Spec) { s.VersionPath = "/version" },
			"GET /version does not answer 200 with a JSON object: set VersionPath of the service's container to a path that does, or leave it empty"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeEngine(t)
			f.spec.VersionPath, f.spec.ContainerPort = "", 9000
			if test.spec != nil {
				test.spec(&f.spec)
			}
			h, err := docker.Open(t.Context(), &sayingConn{f, test.answers}, docker.Options{Spec: f.spec})
			require.NoError(t, err)
			require.NoError(t, h.Stop(t.Context(), release(fakeNew)))
			require.NoError(t, h.Start(t.Context(), release(fakeNew)))
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, err = h.Prove(ctx, release(fakeNew))
			require.ErrorIs(t, err, docker.ErrNotProven)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, within+"GET ")
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "context deadline exceeded")
		})
	}
}

// A service whose version path names no commit is told which field that is.
func TestProofNamesTheFieldThatIsMissing(t *testing.T) {
	f := newFakeEngine(t)
	h, err := docker.Open(t.Context(), &sayingConn{f, "200 OK\r\nContent-Length: 16\r\n\r\n{\"version\":\"v1\"}"}, docker.Options{Spec: f.spec})
	require.NoError(t, err)
	require.NoError(t, h.Stop(t.Context(), release(fakeNew)))
	require.NoError(t, h.Start(t.Context(), release(fakeNew)))
	_, err = h.Prove(t.Context(), release(fakeNew))
	require.ErrorIs(t, err, docker.ErrWrongCommit)
	require.ErrorContains(t, err, `/version has no field "commit", so nothing tells that new runs: add it, or leave VersionPath of the service's container empty`)
}

// sayingConn is a connection to an instance whose service gives one answer.
type sayingConn struct {
	docker.Conn
	answer string
}

func (c *sayingConn) Exchange(_ context.Context, _ string, talk func(io.ReadWriter) error) error {
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		defer far.Close()
		if _, err := far.Read(make([]byte, 4096)); err == nil && c.answer != "" {
			_, _ = io.WriteString(far, "HTTP/1.1 "+c.answer+"\r\nConnection: close\r\n\r\n")
		}
	}()
	return talk(near)
}

// sickConn is a connection to an instance whose service answers 503 once.
type sickConn struct {
	docker.Conn
	second func() // called at the second question
	asked  int
}

// A container that ends while the time of its proof does is said to have ended.
func TestProofThatRunsOutSaysThatItDied(t *testing.T) {
	f := newFakeEngine(t)
	f.spec.HealthPath = "/healthz"
	conn := &sickConn{Conn: f, second: func() { f.set(func() { f.containers[1].Restarts = 1 }) }}
	h, err := docker.Open(t.Context(), conn, docker.Options{Spec: f.spec})
	require.NoError(t, err)
	require.NoError(t, h.Stop(t.Context(), release(fakeNew)))
	require.NoError(t, h.Start(t.Context(), release(fakeNew)))
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	_, err = h.Prove(ctx, release(fakeNew))
	_, died := errors.AsType[*docker.ExitedError](err)
	require.True(t, died, err)
}

func (c *sickConn) Exchange(ctx context.Context, _ string, talk func(io.ReadWriter) error) error {
	if c.asked++; c.asked > 1 {
		c.second()
		return cmp.Or(ctx.Err(), error(syscall.ECONNREFUSED))
	}
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		defer far.Close()
		if _, err := far.Read(make([]byte, 4096)); err == nil {
			_, _ = io.WriteString(far, "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		}
	}()
	return talk(near)
}

func TestSettleKeepsWithoutService(t *testing.T) {
	f := newFakeEngine(t)
	f.containers[0].Name, f.containers[0].State = "svc-previous", "exited"
	_, err := f.host().Settle(t.Context())
	require.ErrorIs(t, err, docker.ErrNotRunning)
	require.Equal(t, "svc-previous=old:exited:always", f.summary())
}

// Where the instance itself does not answer, that is what the error says.
func TestUnreachableInstanceIsNotTakenForItsEngine(t *testing.T) {
	f := newFakeEngine(t)
	conn := &goneConn{Conn: f}
	h, err := docker.Open(t.Context(), conn, docker.Options{Spec: f.spec})
	require.NoError(t, err)
	conn.gone = &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	f.server.CloseClientConnections()
	err = h.Stop(t.Context(), release(fakeNew))
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.ErrorContains(t, err, "dial tcp: connect: refused")
	require.NotContains(t, err.Error(), "daemon running")
}

// goneConn is a connection to an instance that ends.
type goneConn struct {
	docker.Conn
	gone error
}

func (c *goneConn) DialUnix(ctx context.Context, path string) (net.Conn, error) {
	if c.gone != nil {
		return nil, c.gone
	}
	return c.Conn.DialUnix(ctx, path)
}
