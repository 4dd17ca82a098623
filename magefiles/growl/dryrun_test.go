package growl_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

// TestADryRunEndsAsTheRun takes away, one after the other, what a run needs. The dry run and the run that follows it
// end with the same exit code and the same last line, and nothing is touched.
func TestADryRunEndsAsTheRun(t *testing.T) {
	needTime(t)
	t.Parallel()
	p := keepSandbox(t, "-instances=3")
	deploy, before := p.deploy(p.vars["V2"]), p.inspect(t)
	dryRun := append(p.deploy(p.vars["V2"]), "-dryRun")
	onDisk := func(id, path string) string {
		return filepath.Join(filepath.Dir(p.vars["SSH_KEY"]), "instances", id, path)
	}
	without := func(t *testing.T, path string, instances ...rollout.Instance) {
		for _, i := range instances {
			name := onDisk(i.ID, path)
			require.NoError(t, os.Rename(name, name+".away"))
			t.Cleanup(func() { assert.NoError(t, os.Rename(name+".away", name)) })
		}
	}
	lastLine := func(output string) string {
		lines := strings.Split(strings.TrimSpace(output), "\n")
		return lines[len(lines)-1]
	}
	empty := filepath.Join(t.TempDir(), "known_hosts")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))

	code, output := p.run(t, dryRun...)
	require.Zero(t, code, "%s", output)
	assert.Contains(t, output, "takes about")
	for _, test := range []struct {
		name  string
		spoil func(*testing.T)
		flags []string
		want  string
	}{
		{"no instance has its env file", func(t *testing.T) { without(t, service().EnvFile, p.fleet.Instances...) }, nil, "prepare: env file unusable"},
		{"two instances have no mount", func(t *testing.T) { without(t, service().Mounts[0].Source, p.fleet.Instances[:2]...) }, nil, "prepare: mount unusable"},
		{"no instance is known", func(t *testing.T) { p.vars["SSH_KNOWN_HOSTS"] = empty }, nil, "no instance can be updated"},
		{"a probe that nothing answers", func(*testing.T) {}, []string{"-probe=http://" + p.vars["NLB"] + "/nonesuch"}, "gate probe: none of "},
		{"an alarm that does not exist", func(*testing.T) {}, []string{"-alarms=nonesuch"}, "gate alarms: alarm nonesuch does not exist"},
	} {
		t.Run(test.name, func(t *testing.T) {
			hosts := p.vars["SSH_KNOWN_HOSTS"]
			t.Cleanup(func() { p.vars["SSH_KNOWN_HOSTS"] = hosts })
			test.spoil(t)
			code, planned := p.run(t, append(dryRun, test.flags...)...)
			assert.Equal(t, rollout.Refused.ExitCode(), code, "%s", planned)
			assertOneLine(t, planned, test.want)
			assert.NotContains(t, planned, "takes about 0s")
			code, output := p.run(t, append(deploy, test.flags...)...)
			assert.Equal(t, rollout.Refused.ExitCode(), code, "%s", output)
			if test.flags == nil {
				assert.Equal(t, lastLine(output), lastLine(planned))
			}
			assertOneLine(t, output, test.want)
		})
	}
	t.Run("one instance has no env file", func(t *testing.T) {
		without(t, service().EnvFile, p.fleet.Instances[1])
		code, output := p.run(t, dryRun...)
		assert.Equal(t, rollout.Mixed.ExitCode(), code, "%s", output)
		assertOneLine(t, output, p.fleet.Instances[1].ID+": prepare: env file unusable")
		assert.Contains(t, output, "cannot be prepared: prepare: env file unusable")
	})
	assert.Equal(t, before, p.inspect(t), "something was touched")

	run := p.start(t, nil, deploy...)
	run.await(t, "deregister")
	code, output = p.run(t, dryRun...)
	assert.Equal(t, rollout.Refused.ExitCode(), code, "%s", output)
	assertOneLine(t, output, "dev is held by run ")
	assert.Zero(t, run.end(t), "%s", run.text())
	code, output = p.run(t, dryRun...)
	assert.Zero(t, code, "%s", output)
	assert.Contains(t, output, "unchanged: runs the release already")
}
