package e2e

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// workshop is where releases are made for all fleets: a checkout, and a host on
// whose engine images are built.
type workshop struct {
	mu      sync.Mutex // held while the checkout is a release's
	source  *source
	builder *host
	key     string // the private key that opens every host
	public  string
}

// newWorkshop makes the releases too, so that all fleets only push them.
func newWorkshop(t testing.TB) *workshop {
	t.Helper()
	w := &workshop{source: newSource(t)}
	w.public, w.key = loginKey(t)
	w.builder = startHost(t, rollout.Instance{ID: "i-0b", Name: "builder", Address: "10.77.0.10"}, w.public)
	w.builder.awaitEngine(t)
	for release := range changes {
		w.source.checkOut(t, release)
		r := w.start(t, w.builder.engine(), "build")
		require.Zero(t, r.end(t), "build %s: %s", release, r.said())
	}
	return w
}

// start starts a target in the checkout.
func (w *workshop) start(t testing.TB, vars []string, args ...string) *run {
	t.Helper()
	return startTarget(t, w.source.dir, vars, args...)
}

// engine points the Docker CLI at the host's engine.
func (h *host) engine() []string { return []string{"DOCKER_HOST=" + h.socket()} }

// publish pushes a release to the fleet's repository with the target that a user runs.
func (f *fleet) publish(t testing.TB, release string) {
	t.Helper()
	f.shop.mu.Lock()
	defer f.shop.mu.Unlock()
	f.shop.source.checkOut(t, release)
	r := f.shop.start(t, append(f.shop.builder.engine(), f.vars...), "push", "-fleet="+f.env.FleetFile)
	require.Zero(t, r.end(t), "push %s: %s", release, r.said())
}

// file writes a file that ends with the test.
func file(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}
