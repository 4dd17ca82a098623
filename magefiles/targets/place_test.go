package targets_test

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/magetest"
	"github.com/growl-dev/deploy/rollout"
	"github.com/growl-dev/deploy/sandbox"
)

// keepSandbox brings a sandbox up with a magefile's own target, as sandbox:up keeps it, and returns a shell that has the
// fleet at the place that the adopter declares, and the other variables.
func keepSandbox(t *testing.T, mage string) (shell, map[string]string) {
	t.Helper()
	s := newShell(t)
	up := exec.Command(mage, "sandbox:up", "-environment=staging", "-instances=2", "-factor=60")
	up.Dir, up.Env = s.dir, magetest.Environ(s.vars...)
	var notes bytes.Buffer
	up.Stderr = &notes
	printed, err := up.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, up.Start())
	t.Cleanup(func() {
		_ = up.Process.Signal(os.Interrupt)
		assert.NoError(t, up.Wait(), "the sandbox did not end well: %s", &notes)
	})
	line, err := bufio.NewReader(printed).ReadString('\n')
	require.NoError(t, err, "the sandbox did not come up")
	vars := magetest.Sourced(t, line)
	vars["POLICY"] = unhurried(t, vars["POLICY"])
	s.write(t, "staging.json", readFile(t, vars["FLEET"]))
	for name, value := range vars {
		if name != "FLEET" {
			s.vars = append(s.vars, name+"="+value)
		}
	}
	return s, vars
}

// startSandbox brings a sandbox of orders-api up in this process, and returns the variables that point at it.
func startSandbox(t *testing.T) (*sandbox.Environment, map[string]string) {
	t.Helper()
	env, err := sandbox.Start(t.Context(), sandbox.Options{
		Service:     sandbox.Service{Name: "orders-api", HostPort: 9000, HealthPath: "/ready"},
		Environment: "staging", Region: "eu-central-1", Bucket: "orders-state", Instances: 2, Factor: 60, Hollow: true,
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, env.Close()) })
	vars := map[string]string{}
	for _, line := range env.Env() {
		name, value, _ := strings.Cut(line, "=")
		vars[name] = value
	}
	vars["POLICY"] = unhurried(t, vars["POLICY"])
	return env, vars
}

// unhurried gives a policy at 1/60 of AWS's times back what a busy machine needs.
func unhurried(t *testing.T, text string) string {
	t.Helper()
	policy, err := rollout.ParsePolicy(rollout.DefaultPolicy(), text)
	require.NoError(t, err)
	policy.Drain.Lag, policy.Drain.Quiet, policy.Drain.Max = 2300*time.Millisecond, 400*time.Millisecond, 10*time.Second
	policy.Prove, policy.Health = 20*time.Second, 30*time.Second
	return policy.String()
}
