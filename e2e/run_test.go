package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/report"
)

// program is the targets' program: the one that runs these tests, or one that is
// compiled as the workflows do.
var program = sync.OnceValues(func() (string, error) {
	if given := os.Getenv("E2E_TARGETS"); given != "" {
		return given, nil
	}
	file := filepath.Join(os.Getenv(labVariable), "deploy-targets")
	compile := exec.Command("go", "tool", "mage", "-compile", file)
	compile.Dir = ".."
	if out, err := compile.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compile the targets: %w: %s", err, out)
	}
	return file, nil
})

// run is a target under way.
type run struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	report string

	mu     sync.Mutex
	output bytes.Buffer
}

// start starts a target on the fleet; more are variables that it alone gets.
func (f *fleet) start(t testing.TB, more []string, args ...string) *run {
	t.Helper()
	return startTarget(t, f.dir, append(slices.Clone(f.vars), more...), args...)
}

// startTarget starts a target in a folder; vars are all that it knows of AWS,
// SSH and Docker.
func startTarget(t testing.TB, dir string, vars []string, args ...string) *run {
	t.Helper()
	file, err := program()
	require.NoError(t, err)
	r := &run{cmd: exec.Command(file, args...), ended: make(chan struct{})}
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = dir, r, r
	r.cmd.Env = append(clean(os.Environ()), vars...)
	r.cmd.WaitDelay = 10 * time.Second
	require.NoError(t, r.cmd.Start())
	go func() {
		defer close(r.ended)
		_ = r.cmd.Wait()
	}()
	t.Cleanup(func() {
		r.kill()
		if t.Failed() {
			t.Logf("%v said: %s", args, r.said())
		}
	})
	return r
}

// clean drops what this process has of AWS, of SSH and of a CI job.
func clean(env []string) []string {
	return append(slices.DeleteFunc(env, func(line string) bool {
		return slices.ContainsFunc([]string{"AWS_", "GITHUB_", "SSH_", "DEPLOY_", "FLEET=", "IMAGE_TAG=", "DOCKER_"}, func(prefix string) bool {
			return strings.HasPrefix(line, prefix)
		})
	}), "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
}

// deploy starts a deploy of a release.
func (f *fleet) deploy(t testing.TB, release string, more ...string) *run {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.json")
	r := f.start(t, more, "deploy:dev", "-tag="+f.shop.source.commits[release], "-policy="+f.policy, "-report="+file)
	r.report = file
	return r
}

// atOnce has the deploys that follow update so many hosts at a time.
func (f *fleet) atOnce(n int) {
	f.policy = strings.Replace(f.policy, "batch=1 ", fmt.Sprintf("batch=%d ", n), 1)
}

// unhurried gives the deploys that follow the real time for a proof and for health:
// the factor makes lags shorter, and no container and no check faster, least of all on a
// machine on which all stories are told at once.
func (f *fleet) unhurried() {
	f.policy = regexp.MustCompile(`\b(prove|health)=\S+`).ReplaceAllString(f.policy, "$1=1m0s")
}

// tend runs a target that looks after the fleet, to its end.
func (f *fleet) tend(t testing.TB, target string, more ...string) *run {
	t.Helper()
	r := f.start(t, nil, append([]string{"deploy:" + target, "dev"}, more...)...)
	r.end(t)
	return r
}

// kill ends the target with SIGKILL; it is gone when kill returns.
func (r *run) kill() {
	_ = r.cmd.Process.Kill()
	<-r.ended
}

// end waits for the target's own end and returns its exit code; -1 when a signal
// ended it.
func (r *run) end(t testing.TB) int {
	t.Helper()
	select {
	case <-r.ended:
	case <-time.After(8 * time.Minute):
		require.Fail(t, "it did not end", "%s", r.said())
	}
	return r.cmd.ProcessState.ExitCode()
}

// Write takes the target's output.
func (r *run) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.output.Write(p)
}

func (r *run) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.output.String()
}

// document is the JSON report that the deploy wrote.
func (r *run) document(t testing.TB) report.Document {
	t.Helper()
	text, err := os.ReadFile(r.report)
	require.NoError(t, err, "%s", r.said())
	var document report.Document
	require.NoError(t, json.Unmarshal(text, &document))
	return document
}

// outcomes are the instances' outcomes by name of the host.
func (f *fleet) outcomes(t testing.TB, r *run) (all []string) {
	t.Helper()
	for _, i := range r.document(t).Instances {
		all = append(all, string(i.Outcome))
	}
	return all
}

// variable is one of the fleet's variables.
func (f *fleet) variable(name string) string {
	for _, line := range f.vars {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			return value
		}
	}
	return ""
}
