package docker_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/rollout"
	"github.com/moby/moby/api/types/container"
	"github.com/stretchr/testify/require"
)

// fakeEngine is an instance whose engine can be made to fail: its containers are
// kept in memory, and the service answers while a container of it runs.
type fakeEngine struct {
	t       *testing.T
	server  *httptest.Server
	address string // of the engine: the server's
	spec    docker.Spec

	mu         sync.Mutex
	containers []*fakeContainer
	images     map[string]fakeImage // by reference
	made       int

	foreign bool   // a process that is in no container answers for the service
	status  int    // what the service answers; zero: 200
	version string // what the ping answers
	// lose lets a changing call happen and its answer be lost; refuse answers
	// with a status instead of doing it; cut ends that many connections before
	// anything is done. The key is the call: "rename".
	lose   map[string]bool
	refuse map[string]int
	cut    map[string]int
	signal string // the last one that was sent
	// stream is what a pull answers with, and pulled the image that is there
	// afterwards; then comes after it, and pulls counts them.
	stream string
	pulled fakeImage
	then   func()
	pulls  int
	// stored is the list of images, and changes counts the changing calls that were done.
	stored  []map[string]any
	changes int
	auth    string // the last registry header
}

type fakeContainer struct {
	ID, Name, Image, State, Restart string
	Labels                          map[string]string
	Restarts                        int
	Private                         bool // it publishes no port
}

type fakeImage struct {
	RepoDigests      []string
	Os, Architecture string
	Commit           string
}

const (
	repo    = "registry.example/svc"
	fakeOld = repo + "@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	fakeNew = repo + "@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// newFakeEngine has the old release in service, and knows the new one's image.
func newFakeEngine(t *testing.T) *fakeEngine {
	t.Helper()
	f := &fakeEngine{
		t: t, version: "1.41", lose: map[string]bool{}, refuse: map[string]int{}, cut: map[string]int{},
		spec: docker.Spec{Name: "svc", HostPort: 8080, ContainerPort: 8080, VersionPath: "/version", StopGrace: time.Second},
		images: map[string]fakeImage{
			fakeOld: {[]string{fakeOld}, "linux", "amd64", "old"},
			fakeNew: {[]string{fakeNew}, "linux", "amd64", "new"},
		},
		containers: []*fakeContainer{{ID: "c0", Name: "svc", Image: fakeOld, State: "running", Restart: "always"}},
	}
	f.server = httptest.NewServer(f)
	f.address = f.server.Listener.Addr().String()
	t.Cleanup(f.server.Close)
	return f
}

func (f *fakeEngine) open() (*docker.Host, error) {
	return docker.Open(f.t.Context(), f, docker.Options{Spec: f.spec, InstanceID: "i-a", Auth: func(context.Context) (string, string, error) {
		return "AWS", "t0ps3cret", nil
	}})
}

func (f *fakeEngine) host() *docker.Host {
	f.t.Helper()
	h, err := f.open()
	require.NoError(f.t, err)
	return h
}

func release(image string) rollout.Release { return rollout.Release{Image: image} }

// set changes what the engine does, or looks at what it did: a connection that was
// cut says nothing of when the engine was done with it.
func (f *fakeEngine) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// summary is what runs under which name.
func (f *fakeEngine) summary() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []string
	for _, c := range f.containers {
		lines = append(lines, fmt.Sprintf("%s=%s:%s:%s", c.Name, f.images[c.Image].Commit, c.State, c.Restart))
	}
	return strings.Join(lines, " ")
}

func (f *fakeEngine) find(key string) *fakeContainer {
	for _, c := range f.containers {
		if c.ID == key || c.Name == key {
			return c
		}
	}
	return nil
}

// The instance's connection: its engine, its service, its files.

func (f *fakeEngine) DialUnix(ctx context.Context, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", f.address)
}

func (f *fakeEngine) Exchange(_ context.Context, _ string, talk func(io.ReadWriter) error) error {
	near, err := f.dialService()
	if err != nil {
		return err
	}
	defer near.Close()
	return talk(near)
}

func (f *fakeEngine) dialService() (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.foreign {
		near, far := net.Pipe()
		go serveOnce(far, f.status, "foreign")
		return near, nil
	}
	for _, c := range f.containers {
		if c.State == "running" {
			near, far := net.Pipe()
			go serveOnce(far, f.status, f.images[c.Image].Commit)
			return near, nil
		}
	}
	return nil, errors.New("connection refused")
}

// serveOnce answers one request with the commit, whatever was asked.
func serveOnce(conn net.Conn, status int, commit string) {
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 4096)); err != nil {
		return
	}
	body := fmt.Sprintf(`{"commit":%q}`, commit)
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d Status\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", cmp.Or(status, http.StatusOK), len(body), body)
}

func (f *fakeEngine) ReadFile(_ context.Context, path string) ([]byte, error) {
	if path == "/var/lib/cloud/data/instance-id" {
		return []byte("i-a"), nil
	}
	return nil, fs.ErrNotExist
}

func (f *fakeEngine) Stat(context.Context, string) (fs.FileInfo, error) { return nil, fs.ErrPermission }

func (f *fakeEngine) FreeDisk(context.Context, string) (uint64, error) { return 1 << 40, nil }

func (f *fakeEngine) Close() error { return nil }

// The engine's API.

func (f *fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	path := r.URL.Path
	if rest, ok := strings.CutPrefix(path, "/v"+f.version); ok {
		path = rest
	}
	switch {
	case path == "/_ping":
		w.Header().Set("Api-Version", f.version)
	case path == "/info":
		answer(w, map[string]any{"OSType": "linux", "Architecture": "x86_64", "DockerRootDir": "/var/lib/docker"})
	case path == "/images/create":
		f.auth = r.Header.Get("X-Registry-Auth")
		if !f.refused(w, "pull") {
			f.images[fakeNew] = f.pulled
			_, _ = io.WriteString(w, f.stream)
			if f.pulls++; f.then != nil {
				f.then()
			}
		}
	case path == "/images/json":
		answer(w, f.stored)
	case r.Method == http.MethodDelete && strings.HasPrefix(path, "/images/"):
		f.change(w, "remove image", func() { answer(w, []any{}) })
	case strings.HasPrefix(path, "/images/"):
		f.serveImage(w, strings.TrimSuffix(strings.TrimPrefix(path, "/images/"), "/json"))
	case path == "/containers/json":
		f.serveList(w)
	case path == "/containers/create":
		f.change(w, "create", func() { f.create(w, r) })
	case r.Method == http.MethodDelete:
		f.change(w, "remove", func() { f.remove(strings.TrimPrefix(path, "/containers/")) })
	default:
		f.serveContainer(w, r, strings.Split(strings.TrimPrefix(path, "/containers/"), "/"))
	}
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

func fail(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}

func (f *fakeEngine) refused(w http.ResponseWriter, call string) bool {
	if status := f.refuse[call]; status != 0 {
		fail(w, status, "refused by the test")
		return true
	}
	return false
}

// change makes a changing call, or refuses it, or loses it or its answer.
func (f *fakeEngine) change(w http.ResponseWriter, call string, do func()) {
	if f.refused(w, call) {
		return
	}
	if f.cut[call] > 0 {
		f.cut[call]--
		panic(http.ErrAbortHandler)
	}
	f.changes++
	do()
	if f.lose[call] {
		panic(http.ErrAbortHandler)
	}
}

func (f *fakeEngine) serveImage(w http.ResponseWriter, reference string) {
	image, ok := f.images[reference]
	if !ok || image.RepoDigests == nil {
		fail(w, http.StatusNotFound, "no such image")
		return
	}
	answer(w, map[string]any{
		"Id": reference, "RepoDigests": image.RepoDigests, "Os": image.Os, "Architecture": image.Architecture,
		"Config": map[string]any{"Env": []string{"GIT_COMMIT=" + image.Commit}},
	})
}

func (f *fakeEngine) serveList(w http.ResponseWriter) {
	list := []map[string]any{}
	for _, c := range f.containers {
		summary := map[string]any{"Id": c.ID, "Names": []string{"/" + c.Name}, "ImageID": c.Image, "State": c.State, "Labels": c.Labels}
		if c.State == "running" && !c.Private {
			summary["Ports"] = []map[string]any{{"PublicPort": f.spec.HostPort, "PrivatePort": f.spec.ContainerPort, "Type": "tcp"}}
		}
		list = append(list, summary)
	}
	answer(w, list)
}

func (f *fakeEngine) create(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Image      string
		Labels     map[string]string
		HostConfig struct{ RestartPolicy container.RestartPolicy }
	}
	_ = json.NewDecoder(r.Body).Decode(&request)
	f.made++
	made := &fakeContainer{
		ID: fmt.Sprint("c", f.made), Name: r.URL.Query().Get("name"), Image: request.Image, State: "created",
		Labels: request.Labels, Restart: string(request.HostConfig.RestartPolicy.Name),
	}
	f.containers = append(f.containers, made)
	if !f.lose["create"] {
		answer(w, map[string]any{"Id": made.ID})
	}
}

func (f *fakeEngine) remove(key string) {
	for i, c := range f.containers {
		if c == f.find(key) {
			f.containers = append(f.containers[:i], f.containers[i+1:]...)
			return
		}
	}
}

func (f *fakeEngine) serveContainer(w http.ResponseWriter, r *http.Request, path []string) {
	c := f.find(path[0])
	if c == nil {
		fail(w, http.StatusNotFound, "no such container")
		return
	}
	switch call := path[1]; call {
	case "json":
		answer(w, map[string]any{
			"Id": c.ID, "Name": "/" + c.Name, "Image": c.Image, "RestartCount": c.Restarts,
			"State":      map[string]any{"Status": c.State, "Running": c.State == "running", "Pid": 1},
			"Config":     map[string]any{"Image": c.Image, "Labels": c.Labels},
			"HostConfig": map[string]any{"RestartPolicy": map[string]any{"Name": c.Restart}},
		})
	case "start":
		f.change(w, call, func() {
			c.State = "running"
			if f.images[c.Image].Commit == "dies" {
				c.State = "exited"
			}
		})
	case "stop":
		f.change(w, call, func() { c.State = "exited" })
	case "kill":
		f.change(w, call, func() {
			if f.signal = r.URL.Query().Get("signal"); f.signal == "SIGKILL" {
				c.State = "exited"
			}
		})
	case "rename":
		if c.State == "exited" && f.images[c.Image].Commit == "dies" {
			fail(w, http.StatusInternalServerError, "sandbox not found") // as engine 20.10
			return
		}
		f.change(w, call, func() { c.Name = r.URL.Query().Get("name") })
	case "update":
		f.change(w, call, func() {
			var request container.UpdateConfig
			_ = json.NewDecoder(r.Body).Decode(&request)
			c.Restart = string(request.RestartPolicy.Name)
			if !f.lose[call] {
				answer(w, map[string]any{})
			}
		})
	default:
		fail(w, http.StatusNotFound, "no such call "+call)
	}
}
