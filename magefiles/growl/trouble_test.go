package growl_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// trouble is the address of what stands between a run and the ledger's bucket: the
// store that the test has in mind.
type trouble string

// nowhere is a port that no test is ever given: one that was given back may be
// another test's by now.
const nowhere trouble = "http://127.0.0.1:1"

// trouble is a bucket in trouble: before may answer a call itself, after may change
// the bucket's answer.
func (p place) trouble(t *testing.T, before func(w http.ResponseWriter, r *http.Request) bool, after func(*http.Response)) trouble {
	t.Helper()
	target, err := url.Parse(p.vars["AWS_ENDPOINT_URL"])
	require.NoError(t, err)
	store := httputil.NewSingleHostReverseProxy(target)
	store.ModifyResponse = func(r *http.Response) error {
		if after != nil {
			after(r)
		}
		return nil
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before == nil || !before(w, r) {
			store.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return trouble(server.URL)
}

func (b trouble) variable() string { return "AWS_ENDPOINT_URL_S3=" + string(b) }

// refuse answers as S3 does.
func refuse(w http.ResponseWriter, status int, code string) bool {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>` + code + `</Code><Message>by the test</Message></Error>`))
	return true
}

// TestAStoreInTrouble checks that a store that is slow, throttled, or an hour off costs a run no more than time. For
// one that cannot be written to, the run fails with one line, and no instance is lost.
func TestAStoreInTrouble(t *testing.T) {
	needTime(t)
	t.Parallel()
	p, began := keepSandbox(t, "-instances=2"), time.Now()
	for _, test := range []struct {
		name   string
		before func(http.ResponseWriter, *http.Request) bool
		after  func(*http.Response)
	}{
		{name: "throttled", before: func(w http.ResponseWriter, _ *http.Request) bool {
			return time.Since(began)%(2*time.Second) < time.Second && refuse(w, http.StatusServiceUnavailable, "SlowDown")
		}},
		{name: "late", before: func(http.ResponseWriter, *http.Request) bool {
			time.Sleep(200 * time.Millisecond)
			return false
		}},
		{name: "an hour behind", before: signedBy(-time.Hour), after: shift(-time.Hour)},
		{name: "an hour ahead", before: signedBy(time.Hour), after: shift(time.Hour)},
	} {
		t.Run(test.name, func(t *testing.T) {
			release := p.other(t)
			run := p.start(t, []string{p.trouble(t, test.before, test.after).variable()}, p.deploy(release)...)
			require.Zero(t, run.end(t), "%s", run.text())
			for id, r := range p.inspect(t) {
				assert.Equal(t, release, r.commit, id)
			}
		})
	}
	t.Run("read-only", func(t *testing.T) { p.refusedBy(t, p.readOnly(t, rollout.Entry{}), "denies access") })
	t.Run("not there", func(t *testing.T) { p.refusedBy(t, nowhere, "connection refused") })
	t.Run("read-only in the middle of a run", p.strandedBy)
	t.Run("not reachable for longer than a lease", p.retakenAfter)
}

// other is the release that the fleet does not run.
func (p place) other(t *testing.T) string {
	t.Helper()
	if p.inspect(t)[p.fleet.Instances[0].ID].commit == p.vars["V2"] {
		return p.vars["V1"]
	}
	return p.vars["V2"]
}

// shift is a store whose clock is off.
func shift(by time.Duration) func(*http.Response) {
	return func(r *http.Response) {
		for _, name := range []string{"Date", "Last-Modified"} {
			if at, err := http.ParseTime(r.Header.Get(name)); err == nil {
				r.Header.Set(name, at.Add(by).UTC().Format(http.TimeFormat))
			}
		}
	}
}

// signedBy is the other half of a store whose clock is off: it judges the time of a request's signature by its own clock.
func signedBy(by time.Duration) func(http.ResponseWriter, *http.Request) bool {
	const form = "20060102T150405Z"
	return func(_ http.ResponseWriter, r *http.Request) bool {
		if at, err := time.Parse(form, r.Header.Get("X-Amz-Date")); err == nil {
			r.Header.Set("X-Amz-Date", at.Add(-by).Format(form))
		}
		return false
	}
}

// readOnly is a bucket that takes no writes from the one on that holds an entry
// like this; the zero Entry: from the first.
func (p place) readOnly(t *testing.T, from rollout.Entry) trouble {
	var shut atomic.Bool
	shut.Store(from.Instance == "")
	return p.trouble(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut {
			return false
		}
		for _, e := range journalOf(r) {
			if e.Instance == from.Instance && e.Step == from.Step && e.Mark == from.Mark {
				shut.Store(true)
			}
		}
		return shut.Load() && refuse(w, http.StatusForbidden, "AccessDenied")
	}, nil)
}

// refusedBy checks that a deploy is refused in one line, and that nothing was changed.
func (p place) refusedBy(t *testing.T, b trouble, want string) {
	before := p.inspect(t)
	run := p.start(t, []string{b.variable()}, p.deploy(p.other(t))...)
	assert.Equal(t, 1, run.end(t), "%s", run.text())
	assertOneLine(t, run.text(), want)
	assert.Equal(t, before, p.inspect(t))
	p.assertHealthy(t)
}

// strandedBy checks that a run that cannot write to its journal makes no further change, not even to put its instances
// back. It reports that, and the next command puts them back.
func (p place) strandedBy(t *testing.T) {
	first, release := p.fleet.Instances[0].ID, p.other(t)
	b := p.readOnly(t, rollout.Entry{Instance: first, Step: rollout.StepStop, Mark: rollout.Begun})
	run := p.start(t, []string{b.variable()}, p.deploy(release)...)
	assert.Equal(t, rollout.Orphaned.ExitCode(), run.end(t), "%s", run.text())
	assertOneLine(t, run.text(), "denies access")
	assert.Contains(t, run.text(), "out of service: "+first)

	status, err := p.ledger(t).Current(t.Context())
	require.NoError(t, err)
	code, output := p.run(t, "deploy:unlock", "dev", "-run="+status.Lease.RunID)
	require.Zero(t, code, "%s", output)
	code, output = p.run(t, p.operate("heal")...)
	require.Zero(t, code, "%s", output)
	p.assertHealthy(t)
	for id, r := range p.inspect(t) {
		assert.NotEqual(t, release, r.commit, id)
	}
}

// retakenAfter checks that a run whose lease ended while the store could not be reached puts back what it left, and that
// no other command is needed.
func (p place) retakenAfter(t *testing.T) {
	first, release := p.fleet.Instances[0].ID, p.other(t)
	var since atomic.Int64
	b := p.trouble(t, func(w http.ResponseWriter, r *http.Request) bool {
		for _, e := range journalOf(r) {
			if e.Instance == first && e.Step == rollout.StepStop && e.Mark == rollout.Done {
				since.CompareAndSwap(0, time.Now().UnixNano())
			}
		}
		at := since.Load()
		return at != 0 && time.Since(time.Unix(0, at)) < 75*time.Second && refuse(w, http.StatusServiceUnavailable, "SlowDown")
	}, nil)
	run := p.start(t, []string{b.variable()}, p.deploy(release)...)
	assert.Equal(t, rollout.RolledBack.ExitCode(), run.end(t), "%s", run.text())
	assert.Contains(t, run.text(), "acquire it again")
	p.assertHealthy(t)
	for id, r := range p.inspect(t) {
		assert.NotEqual(t, release, r.commit, id)
	}
	status, err := p.ledger(t).Current(t.Context())
	require.NoError(t, err)
	assert.Nil(t, status.Lease)
	assert.Empty(t, status.Unfinished)
	records, err := p.ledger(t).History(t.Context(), 2)
	require.NoError(t, err)
	require.Len(t, records, 2)
	assert.ElementsMatch(t, []rollout.Outcome{rollout.Healed, rollout.RolledBack}, []rollout.Outcome{records[0].Result.Outcome, records[1].Result.Outcome})
}
