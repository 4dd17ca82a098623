package growl_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// tardy is a proxy between a run and the load balancer's API. It answers the first deregistration with an error at
// once, and applies it later, when the test decides.
type tardy struct {
	*httptest.Server
	api *httputil.ReverseProxy

	mu   sync.Mutex
	held *http.Request
}

func newTardy(t *testing.T, p place) *tardy {
	t.Helper()
	target, err := url.Parse(p.vars["AWS_ENDPOINT_URL"])
	require.NoError(t, err)
	d := &tardy{api: httputil.NewSingleHostReverseProxy(target)}
	d.Server = httptest.NewServer(d)
	t.Cleanup(d.Close)
	return d
}

func (d *tardy) variable() string { return "AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2=" + d.URL }

func (d *tardy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if !strings.Contains(string(body), "Action=DeregisterTargets") || !d.hold(r, body) {
		d.api.ServeHTTP(w, r)
		return
	}
	w.WriteHeader(http.StatusBadRequest)
	_, _ = io.WriteString(w, `<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>by the test</Message></Error></ErrorResponse>`)
}

// hold keeps the first deregistration.
func (d *tardy) hold(r *http.Request, body []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held != nil {
		return false
	}
	d.held = r.Clone(r.Context())
	d.held.Body = io.NopCloser(bytes.NewReader(body))
	return true
}

// apply lets it through.
func (d *tardy) apply(t *testing.T) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	require.NotNil(t, d.held, "nothing was deregistered")
	answer := httptest.NewRecorder()
	d.api.ServeHTTP(answer, d.held.WithContext(t.Context()))
	require.Equal(t, http.StatusOK, answer.Code, "%s", answer.Body)
}

// TestALateDeregistrationIsHealed interrupts a run while a deregistration that failed may still be applied. It is
// applied during the minute that the recovery waits for such calls.
func TestALateDeregistrationIsHealed(t *testing.T) {
	needTime(t)
	t.Parallel()
	p := keepSandbox(t, "-instances=2")
	late := newTardy(t, p)
	run := p.start(t, []string{late.variable()}, p.deploy(p.vars["V2"])...)
	run.await(t, "growl-backend-1 +deregister +undone")
	require.NoError(t, run.cmd.Process.Signal(syscall.SIGTERM))
	require.Equal(t, rollout.Interrupted.ExitCode(), run.end(t), "%s", run.text())
	assert.Contains(t, run.text(), "next: `mage deploy:heal dev`")
	p.assertHealthy(t)

	heal := p.start(t, nil, p.operate("heal")...)
	heal.await(t, "growl-backend-1 +deregister +undone")
	late.apply(t)
	require.Zero(t, heal.end(t), "%s", heal.text())
	assert.Contains(t, heal.text(), "registered again")
	p.assertHealthy(t)
	_, output := p.run(t, p.operate("heal")...)
	assert.Contains(t, output, "nothing to heal")
}
