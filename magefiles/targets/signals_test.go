package targets

import (
	"bufio"
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/nlb"
	"github.com/growl-dev/deploy/rollout"
)

// TestACancelledJobLeavesTheFleetInService sends the signals of a cancelled
// GitHub job to the entry process of a step that deploys as the workflows do.
func TestACancelledJobLeavesTheFleetInService(t *testing.T) {
	if testing.Short() {
		t.Skip("deploys to a whole environment, twice")
	}
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash, which runs the steps of a workflow, is not in PATH")
	}
	program := compileTargets(t)
	fleet := keepSandbox(t, program)
	for _, moment := range []rollout.StepName{rollout.StepDrain, rollout.StepStop} {
		t.Run("in "+string(moment), func(t *testing.T) {
			step := startStep(t, "exec "+program+` deploy:dev -fleet="$FLEET" -tag="$V2" -policy="$POLICY"`)
			step.await(t, string(moment)+" +begun")
			cancelled := time.Now()
			code := step.cancel()
			assert.Equal(t, rollout.Interrupted.ExitCode(), code, "%s", step.said())
			assert.Less(t, time.Since(cancelled), 7*time.Second, "it took a harder signal than the first")
			assert.Contains(t, step.said(), "the fleet is in service")
			assertInService(t, fleet)
		})
	}
}

// compileTargets compiles the targets' program as the workflows do.
func compileTargets(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "deploy-targets")
	compile := exec.CommandContext(t.Context(), "go", "tool", "mage", "-compile", program)
	compile.Dir = "../.."
	out, err := compile.CombinedOutput()
	require.NoError(t, err, "compile the targets: %s", out)
	return program
}

// keepSandbox keeps an environment in a process of its own, points this process
// at it as a user's shell would be, and returns its fleet.
func keepSandbox(t *testing.T, program string) Fleet {
	t.Helper()
	up := exec.Command(program, "sandbox:up", "-factor=40")
	up.Dir = "../.."
	up.Stderr = os.Stderr
	exports, err := up.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, up.Start())
	t.Cleanup(func() {
		_ = up.Process.Signal(os.Interrupt)
		assert.NoError(t, up.Wait(), "the sandbox did not end well")
	})
	lines := bufio.NewScanner(exports)
	for name := ""; name != "POLICY" && lines.Scan(); {
		var value string
		name, value, _ = strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		t.Setenv(name, strings.Trim(value, "'"))
	}
	fleet, err := readFleet(os.Getenv("FLEET"), "dev")
	require.NoError(t, err, "the sandbox did not come up")
	return fleet
}

// step is a step of a job: bash that runs a script from a file.
type step struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	mu     sync.Mutex
	output bytes.Buffer
}

func startStep(t *testing.T, script string) *step {
	t.Helper()
	file := filepath.Join(t.TempDir(), "step.sh")
	require.NoError(t, os.WriteFile(file, []byte(script+"\n"), 0o600))
	s := &step{cmd: exec.Command("bash", "-e", file), ended: make(chan struct{})}
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = "../..", s, s
	s.cmd.WaitDelay = 10 * time.Second
	require.NoError(t, s.cmd.Start())
	go func() {
		defer close(s.ended)
		_ = s.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.ended
	})
	return s
}

// Write takes the step's output.
func (s *step) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.output.Write(p)
}

func (s *step) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.output.String()
}

// await waits until the step has said something that matches.
func (s *step) await(t *testing.T, pattern string) {
	t.Helper()
	matcher := regexp.MustCompile(pattern)
	require.Eventually(t, func() bool { return matcher.MatchString(s.said()) },
		time.Minute, 5*time.Millisecond, "the step never said %q", pattern)
}

// cancel sends the signals of a cancelled job to the entry process alone, each
// one only if the last was not enough, and returns the exit code.
func (s *step) cancel() int {
	for _, next := range []struct {
		signal os.Signal
		leaves time.Duration
	}{{os.Interrupt, 7500 * time.Millisecond}, {syscall.SIGTERM, 2500 * time.Millisecond}, {os.Kill, time.Minute}} {
		_ = s.cmd.Process.Signal(next.signal)
		select {
		case <-s.ended:
			return s.cmd.ProcessState.ExitCode()
		case <-time.After(next.leaves):
		}
	}
	return s.cmd.ProcessState.ExitCode()
}

// assertInService waits, as long as a registration takes, until the load
// balancer says of every instance that it is healthy, and asks the service.
func assertInService(t *testing.T, fleet Fleet) {
	t.Helper()
	cfg, err := awsconfig.LoadDefaultConfig(t.Context(), awsconfig.WithRegion(fleet.Region))
	require.NoError(t, err)
	groups, err := nlb.NewFromConfig(cfg, fleet.TargetGroups, nlb.Options{})
	require.NoError(t, err)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		health, err := groups.Health(t.Context())
		require.NoError(c, err)
		for _, i := range fleet.Instances {
			assert.Equal(c, "healthy", health.Of(i.ID).String(), i.ID)
		}
	}, 30*time.Second, 100*time.Millisecond)
	answer, err := http.Get("http://" + fleet.LoadBalancer + "/")
	require.NoError(t, err)
	assert.NoError(t, answer.Body.Close())
	assert.Equal(t, http.StatusOK, answer.StatusCode)
}
