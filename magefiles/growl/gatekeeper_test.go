package growl_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// boundary is a moment between two acts of a run: one entry of its journal. Of
// preparing, which takes no instance out, the journal keeps the latest entry
// alone: that boundary is no instance's.
type boundary struct {
	instance string
	step     rollout.StepName
	mark     rollout.Mark
}

func boundaryOf(e rollout.Entry) boundary {
	if e.Step == rollout.StepPrepare {
		e.Instance = ""
	}
	return boundary{e.Instance, e.Step, e.Mark}
}

func (b boundary) String() string { return fmt.Sprintf("%s %s", b.step, b.mark) }

// gatekeeper is a proxy between a run and the ledger's bucket. It reads the journal in the requests, and stops the run
// at a boundary until it is killed.
type gatekeeper struct {
	*httptest.Server
	store *httputil.ReverseProxy
	later *httptest.Server

	mu   sync.Mutex
	at   boundary
	kept bool
	kill func()
	seen map[boundary]bool
	// watched is called once with the write that holds the boundary, which is passed on.
	watched func()
	awaited boundary
}

func guard(t *testing.T, p place) *gatekeeper {
	t.Helper()
	target, err := url.Parse(p.vars["AWS_ENDPOINT_URL"])
	require.NoError(t, err)
	g := &gatekeeper{store: httputil.NewSingleHostReverseProxy(target), seen: map[boundary]bool{}}
	g.store.ModifyResponse = aMinuteOlder
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	g.later = httptest.NewServer(g.store)
	t.Cleanup(g.later.Close)
	return g
}

// aMinuteOlder makes an object a minute older than it is, so that a recovery need not wait until the acts of a run that
// was killed must have been sent. They cannot be sent any more, because its process has ended.
func aMinuteOlder(response *http.Response) error {
	modified, err := http.ParseTime(response.Header.Get("Last-Modified"))
	if err == nil {
		response.Header.Set("Last-Modified", modified.Add(-time.Minute).Format(http.TimeFormat))
	}
	return nil
}

// aMinuteLater points a process's ledger at a proxy that is no gate.
func (g *gatekeeper) aMinuteLater() []string { return []string{"AWS_ENDPOINT_URL_S3=" + g.later.URL} }

// variable points a process's ledger at the gatekeeper.
func (g *gatekeeper) variable() string { return "AWS_ENDPOINT_URL_S3=" + g.URL }

// arm kills the run at its next write that holds b: before the store has received it or, with kept, after the store has
// it and before the run receives the response.
func (g *gatekeeper) arm(b boundary, kept bool, kill func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.at, g.kept, g.kill = b, kept, kill
}

// watch calls a function before it passes on the next write that holds b.
func (g *gatekeeper) watch(b boundary, call func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.awaited, g.watched = b, call
}

// start starts a target that is killed at a boundary; more are variables that it
// alone gets.
func (g *gatekeeper) start(t *testing.T, p place, b boundary, kept bool, more []string, args ...string) *step {
	t.Helper()
	started := make(chan *step, 1)
	g.arm(b, kept, func() { (<-started).kill() }) // before the target can come there
	run := p.start(t, slices.Concat(more, []string{g.variable()}), args...)
	started <- run
	return run
}

// crossed are the boundaries that runs have come to.
func (g *gatekeeper) crossed() map[boundary]bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.seen
}

// ServeHTTP passes everything on but the write it waits for.
func (g *gatekeeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPut || !strings.HasSuffix(r.URL.Path, "/current") {
		g.store.ServeHTTP(w, r)
		return
	}
	if kill := g.comesTo(journalOf(r)); kill != nil {
		g.hold(r, kill)
		panic(http.ErrAbortHandler) // nobody is there to answer
	}
	g.store.ServeHTTP(w, r)
}

// hold kills the run before or after its write, while it waits for the answer.
func (g *gatekeeper) hold(r *http.Request, kill func()) {
	if g.kept {
		g.store.ServeHTTP(httptest.NewRecorder(), r)
	}
	kill()
}

// comesTo notes what a write holds, and answers how to kill the run if that is
// the boundary; once only.
func (g *gatekeeper) comesTo(entries []rollout.Entry) (kill func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range entries {
		b := boundaryOf(e)
		g.seen[b] = true
		if b == g.awaited && g.watched != nil {
			g.watched()
			g.watched = nil
		}
		if b == g.at && g.kill != nil {
			kill, g.kill = g.kill, nil
		}
	}
	return kill
}

// journalOf is the journal that a write brings, which can be read again.
func journalOf(r *http.Request) []rollout.Entry {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return journal(body)
}

// journal is that of the run which holds the lease in an object of the ledger's.
func journal(object []byte) []rollout.Entry {
	var current struct {
		Lease struct {
			Journal []rollout.Entry `json:"journal"`
		} `json:"lease"`
	}
	if err := json.Unmarshal(object, &current); err != nil {
		return nil
	}
	return current.Lease.Journal
}
