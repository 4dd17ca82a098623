package growl_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/remote/docker"
)

// TestFirstBootAndARolloutMakeTheSameContainer runs the script that cloud-init
// runs and a rollout's swap on one real engine, and compares what they made.
func TestFirstBootAndARolloutMakeTheSameContainer(t *testing.T) {
	m := newMachine(t)
	m.boot()
	first := m.inspect()
	m.boot()
	require.Equal(t, first.ID, m.inspect().ID, "a second first boot made another container")
	m.roll()
	second := m.inspect()
	require.NotEqual(t, first.ID, second.ID, "the rollout replaced nothing")

	// What has to differ: who made it, what going back would restore, and its ID.
	for _, label := range []string{m.spec.Label(docker.LabelRun), m.spec.Label(docker.LabelPreviousRestart)} {
		assert.NotContains(t, first.Config.Labels, label)
		assert.NotEmpty(t, second.Config.Labels[label], label)
		delete(second.Config.Labels, label)
	}
	second.Config.Hostname = first.Config.Hostname

	assert.Equal(t, first.Name, second.Name)
	assert.Equal(t, first.Image, second.Image)
	assert.Equal(t, plainly(t, first.Config), plainly(t, second.Config))
	assert.Equal(t, plainly(t, first.HostConfig), plainly(t, second.HostConfig))
	assert.Equal(t, plainly(t, first.Mounts), plainly(t, second.Mounts))
	m.assertIsTheService(second)
}

// plainly returns a part of docker inspect without empty fields, because a client may either omit a field or send it
// empty.
func plainly(t *testing.T, part any) any {
	t.Helper()
	text, err := json.Marshal(part)
	require.NoError(t, err)
	var value any
	require.NoError(t, json.Unmarshal(text, &value))
	return full(value)
}

// full takes nulls, empty lists, false and zero out of a JSON value; nil is left
// of one that holds nothing else.
func full(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			if v[key] = full(inner); v[key] == nil {
				delete(v, key)
			}
		}
		if len(v) > 0 {
			return v
		}
	case []any:
		for n := range v {
			v[n] = full(v[n])
		}
		if len(v) > 0 {
			return v
		}
	default:
		if v != "" && v != false && v != 0.0 {
			return v
		}
	}
	return nil
}

// assertIsTheService holds what the comparison found equal to the spec.
func (m *machine) assertIsTheService(c container.InspectResponse) {
	t, spec := m.t, m.spec
	assert.Equal(t, "/"+spec.Name, c.Name)
	assert.Subset(t, c.Config.Env, []string{"CANARY=" + canary, "LOG_DIR=/tmp/deployment-test", "LISTEN_HOST=0.0.0.0"})
	assert.Equal(t, "65534:65534", c.Config.User)
	assert.Equal(t, int(spec.StopGrace/time.Second), *c.Config.StopTimeout)
	assert.Equal(t, "SIGUSR1", c.Config.Labels[spec.Label(docker.LabelDrain)])
	assert.Equal(t, "SIGUSR2", c.Config.Labels[spec.Label(docker.LabelUndrain)])
	assert.Equal(t, m.release.Digest(), c.Config.Labels[spec.Label(docker.LabelRelease)])
	assert.Equal(t, container.RestartPolicyAlways, c.HostConfig.RestartPolicy.Name)
	assert.Equal(t, container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "10m", "max-file": "3"}}, c.HostConfig.LogConfig)
	require.Len(t, c.HostConfig.PortBindings, 1)
	for port, bound := range c.HostConfig.PortBindings {
		assert.Equal(t, "8080/tcp", port.String())
		require.Len(t, bound, 1)
		assert.Equal(t, m.port, bound[0].HostPort)
	}
	require.Len(t, c.Mounts, 1)
	assert.Equal(t, m.logs, c.Mounts[0].Source)
	assert.Equal(t, "/tmp/deployment-test", c.Mounts[0].Destination)
	assert.True(t, c.Mounts[0].RW)
}

// TestTheServiceComesUpWithoutItsLogFolder: /tmp is cleaned, and empty after a
// boot.
func TestTheServiceComesUpWithoutItsLogFolder(t *testing.T) {
	m := newMachine(t)
	m.boot()
	require.Equal(t, 1, m.starts())

	t.Run("what was in the folder is gone", func(t *testing.T) {
		require.NoError(t, os.Remove(m.logFile()))
		m.restart()
		assert.Equal(t, 1, m.starts(), "it comes up and writes")
	})
	t.Run("the folder is gone, and made again as at boot", func(t *testing.T) {
		require.NoError(t, os.RemoveAll(m.logs))
		m.tmpfiles()
		m.restart()
		assert.Equal(t, 1, m.starts(), "it comes up and writes")
	})
	t.Run("the folder is gone, and nobody makes it", func(t *testing.T) {
		require.NoError(t, os.RemoveAll(m.logs))
		require.Error(t, m.tryRestart(), "the engine made it, for root alone: the service could not write")
		assert.NoDirExists(t, m.logs)
		m.tmpfiles()
		m.restart()
		assert.Equal(t, 1, m.starts(), "it comes up and writes")
	})
}

// TestScriptsParse checks the syntax of each script with the shell that it names.
func TestScriptsParse(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not on PATH")
	}
	t.Chdir("../..")
	listed, err := exec.CommandContext(t.Context(), "git", "ls-files", "-z").Output()
	if err != nil {
		t.Skipf("this is no git checkout: %v", err)
	}
	var seen []string
	for _, name := range strings.FieldsFunc(string(listed), func(r rune) bool { return r == 0 }) {
		content, err := os.ReadFile(name)
		first, _, _ := strings.Cut(string(content), "\n")
		if err != nil || !strings.HasPrefix(first, "#!") {
			continue
		}
		words := strings.FieldsFunc(first, func(r rune) bool { return r == ' ' || r == '/' })
		shell := words[len(words)-1]
		if shell != "sh" && shell != "bash" || strings.HasSuffix(name, ".tmpl") {
			continue
		}
		if _, err := exec.LookPath(shell); err != nil {
			t.Logf("%s is not on PATH: %s was not looked at", shell, name)
			continue
		}
		out, err := exec.Command(shell, "-n", name).CombinedOutput()
		assert.NoError(t, err, "%s: %s", name, out)
		seen = append(seen, filepath.Base(name))
	}
	assert.Subset(t, seen, []string{"first-boot.sh", "env-file.sh", "host-key.sh", "pre-commit.sh"})
}
