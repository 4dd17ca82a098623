package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// moment is one entry of a run's journal: a row of the table on a host, begun or
// done.
type moment struct {
	host *host
	step rollout.StepName
	mark rollout.Mark
}

func (m moment) String() string { return fmt.Sprintf("%s %s %s", m.host.Name, m.step, m.mark) }

// script stands between a run and the ledger's bucket. It does at a moment what
// is written for it, once, while the run waits for the answer to its entry.
type script struct {
	*httptest.Server
	store *httputil.ReverseProxy

	mu   sync.Mutex
	run  string // the ID of the run that wrote last
	acts map[entry]func()
	left map[entry]moment
}

// entry is a moment as the journal has it.
type entry struct {
	instance string
	step     rollout.StepName
	mark     rollout.Mark
}

func (m moment) entry() entry { return entry{m.host.ID, m.step, m.mark} }

// newScript is a script in which nothing happens yet. Everything written in it
// must have happened when the test ends.
func newScript(t *testing.T, f *fleet) *script {
	t.Helper()
	target, err := url.Parse(f.variable("AWS_ENDPOINT_URL"))
	require.NoError(t, err)
	s := &script{store: httputil.NewSingleHostReverseProxy(target), acts: map[entry]func(){}, left: map[entry]moment{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(func() {
		s.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, m := range s.left {
			assert.Fail(t, "the run never came to it", "%s", m)
		}
	})
	return s
}

// variable points a run's ledger at the script.
func (s *script) variable() string { return "AWS_ENDPOINT_URL_S3=" + s.URL }

// at writes an act into the script.
func (s *script) at(m moment, act func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acts[m.entry()], s.left[m.entry()] = act, m
}

// runID is the ID of the run that wrote last.
func (s *script) runID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.run
}

// ServeHTTP passes everything on. The acts come after the store has the entry
// and before the run knows.
func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPut || !strings.HasSuffix(r.URL.Path, "/current") {
		s.store.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	s.store.ServeHTTP(answer, r)
	if answer.Code == http.StatusOK {
		for _, act := range s.due(body) {
			act()
		}
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// follow does what is written for the moment in which a host's prepare begins:
// that is in no journal, for it takes nothing, but the run says so.
func (s *script) follow(r *run) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, act := range s.heard(r.said()) {
			act()
		}
		select {
		case <-r.ended:
			return
		case <-tick.C:
		}
	}
}

// heard takes the acts of what was said out of the script.
func (s *script) heard(said string) (acts []func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at, m := range s.left {
		begun := regexp.MustCompile(regexp.QuoteMeta(m.host.Name) + ` +prepare +begun`)
		if at.step == rollout.StepPrepare && at.mark == rollout.Begun && begun.MatchString(said) {
			acts = append(acts, s.acts[at])
			delete(s.acts, at)
			delete(s.left, at)
		}
	}
	return acts
}

// due takes the acts of the entries in a write out of the script.
func (s *script) due(object []byte) (acts []func()) {
	var current struct {
		Lease struct {
			Run     string          `json:"run"`
			Journal []rollout.Entry `json:"journal"`
		} `json:"lease"`
	}
	if json.Unmarshal(object, &current) != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run = current.Lease.Run
	for _, e := range current.Lease.Journal {
		at := entry{e.Instance, e.Step, e.Mark}
		if act := s.acts[at]; act != nil {
			acts = append(acts, act)
			delete(s.acts, at)
			delete(s.left, at)
		}
	}
	return acts
}
