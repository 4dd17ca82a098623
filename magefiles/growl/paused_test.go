package growl_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// vendor serves credentials that have to be fetched anew for each call to AWS. It stops the process that fetches some
// after the moment at which it was armed, so that the process stands still between an intent and its act.
type vendor struct {
	*httptest.Server
	vars map[string]string

	mu     sync.Mutex
	stop   func()
	paused chan struct{} // closed when the process has been stopped
}

func newVendor(t *testing.T, p place) *vendor {
	t.Helper()
	v := &vendor{vars: p.vars, paused: make(chan struct{})}
	v.Server = httptest.NewServer(v)
	t.Cleanup(v.Close)
	return v
}

// variables make a process fetch its credentials here.
func (v *vendor) variables() []string {
	return []string{"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_CONTAINER_CREDENTIALS_FULL_URI=" + v.URL}
}

// arm stops a process at its next request.
func (v *vendor) arm(stop func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.stop = stop
}

func (v *vendor) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.stop != nil {
		v.stop()
		v.stop = nil
		close(v.paused)
	}
	_, _ = fmt.Fprintf(w, `{"AccessKeyId":%q,"SecretAccessKey":%q,"Expiration":%q}`,
		v.vars["AWS_ACCESS_KEY_ID"], v.vars["AWS_SECRET_ACCESS_KEY"], time.Now().UTC().Format(time.RFC3339))
}

// TestAPausedProcessDoesNotActAfterItsIntent stops a deploy with SIGSTOP between the intent to deregister an instance and
// the call. Another process heals and closes the journal, and then the first one goes on: it must not take the instance
// out, because no later run would know about it.
func TestAPausedProcessDoesNotActAfterItsIntent(t *testing.T) {
	needTime(t)
	t.Parallel()
	p := keepSandbox(t, "-instances=2")
	g, v := guard(t, p), newVendor(t, p)
	began := make(chan *step, 1)
	intent := boundary{p.fleet.Instances[0].ID, rollout.StepDeregister, rollout.Begun}
	g.watch(intent, func() {
		run := <-began
		v.arm(func() { assert.NoError(t, run.cmd.Process.Signal(syscall.SIGSTOP)) })
	})
	run := p.start(t, slices.Concat(v.variables(), []string{g.variable()}), p.deploy(p.vars["V2"])...)
	began <- run
	select {
	case <-v.paused:
	case <-run.ended:
		require.Fail(t, "it ended before it was stopped", "%s", run.text())
	}
	old := time.After(rollout.ActTimeout + time.Second) // the intent's time is over then

	status, err := p.ledger(t).Current(t.Context())
	require.NoError(t, err)
	require.NotNil(t, status.Lease)
	code, output := p.run(t, "deploy:unlock", "dev", "-run="+status.Lease.RunID)
	require.Zero(t, code, "%s", output)
	code, output = p.run(t, p.operate("heal")...)
	require.Zero(t, code, "%s", output)
	p.assertHealthy(t)
	<-old
	require.NoError(t, run.cmd.Process.Signal(syscall.SIGCONT))
	assert.NotZero(t, run.end(t), "%s", run.text())
	assert.Contains(t, run.text(), "the lease of dev is lost")
	p.assertHealthy(t)
	code, output = p.run(t, p.operate("heal")...)
	assert.Zero(t, code, "%s", output)
	assert.Contains(t, output, "nothing to heal: no run was left unfinished in dev, and the load balancer calls every instance healthy")
}
