package growl_test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/growl-dev/deploy/rollout"
)

// TestACancelledJobLeavesTheFleetInService sends the signals of a cancelled
// GitHub job to the entry process of a step that deploys as the workflows do.
func TestACancelledJobLeavesTheFleetInService(t *testing.T) {
	needTime(t)
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash, which runs the steps of a workflow, is not in PATH")
	}
	t.Parallel()
	p := keepSandbox(t)
	for _, moment := range []rollout.StepName{rollout.StepDrain, rollout.StepStop, rollout.StepStart, rollout.StepProve, rollout.StepJoin} {
		t.Run("in "+string(moment), func(t *testing.T) {
			step := p.startJob(t, "exec "+p.program+` deploy:dev -fleet="$FLEET" -tag="$V2" -policy="$POLICY"`)
			step.await(t, string(moment)+" +begun")
			cancelled := time.Now()
			code, signals := step.cancel()
			t.Logf("%s", time.Since(cancelled))
			assert.Equal(t, 1, signals, "it took a harder signal than the first")
			p.assertBrokenOff(t, step, code)
		})
	}
}

// TestSignals: each of the three ends a run in order, and more of them change nothing.
func TestSignals(t *testing.T) {
	needTime(t)
	t.Parallel()
	p := keepSandbox(t)
	tests := []struct {
		name    string
		moment  rollout.StepName
		signals []os.Signal
	}{
		{"SIGTERM in drain", rollout.StepDrain, []os.Signal{syscall.SIGTERM}},
		{"SIGHUP in drain", rollout.StepDrain, []os.Signal{syscall.SIGHUP}},
		{"SIGINT twice in drain", rollout.StepDrain, []os.Signal{os.Interrupt, os.Interrupt}},
		{"all of them in join", rollout.StepJoin, []os.Signal{syscall.SIGHUP, os.Interrupt, syscall.SIGTERM, os.Interrupt}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			step := p.start(t, nil, p.deploy(p.vars["V2"])...)
			step.await(t, string(test.moment)+" +begun")
			began := time.Now()
			for _, signal := range test.signals {
				_ = step.cmd.Process.Signal(signal) // it may have ended by the last ones
			}
			code := step.end(t)
			t.Logf("%s", time.Since(began))
			p.assertBrokenOff(t, step, code)
		})
	}
}

// assertBrokenOff checks that a run that a signal ended has put its instances back.
func (p place) assertBrokenOff(t *testing.T, step *step, code int) {
	t.Helper()
	assert.Equal(t, rollout.Interrupted.ExitCode(), code, "%s", step.text())
	assert.Regexp(t, "the fleet is in service|registered, not yet healthy: i-", step.text())
	p.awaitHealthy(t)
	p.inspect(t)
	code, output := p.run(t, p.operate("heal")...)
	assert.Zero(t, code, "%s", output)
	_, output = p.run(t, p.operate("heal")...)
	assert.Contains(t, output, "nothing to heal", "the run left something behind")
}

// needTime skips what needs a whole environment.
func needTime(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("deploys to a whole environment: run without -short")
	}
}
