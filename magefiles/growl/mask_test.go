package growl_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/magetest"
)

// TestMask checks that GitHub's runner receives each value of an env file and each secret part of one, and that nothing
// is printed anywhere else.
func TestMask(t *testing.T) {
	program, root := magetest.Program(t), t.TempDir()
	file := filepath.Join(root, devEnv)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	mask := func(content string, env ...string) (code int, output string) {
		t.Helper()
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		cmd := exec.Command(program, "env:mask", "dev")
		cmd.Dir, cmd.Env = root, append(os.Environ(), env...)
		out, _ := cmd.CombinedOutput()
		return cmd.ProcessState.ExitCode(), string(out)
	}
	content := "# c\nA=can%ary-1\nB=\"quoted-canary\"  \nC=postgres://ann:canary-3@db/x\nD=true\nE=production\nF=8080\n" +
		`G=-----BEGIN KEY-----\ncanary-line` + "\n"

	code, output := mask(content, "GITHUB_ACTIONS=true")
	require.Zero(t, code, "%s", output)
	lines := strings.Split(strings.TrimSuffix(output, "\n"), "\n")
	for _, want := range []string{
		"can%25ary-1", "quoted-canary", "postgres://ann:canary-3@db/x", "canary-3", "ann:canary-3",
		"-----BEGIN KEY-----%0Acanary-line", "canary-line",
	} {
		assert.Contains(t, lines, "::add-mask::"+want)
	}
	for _, line := range lines {
		masked, ok := strings.CutPrefix(line, "::add-mask::")
		assert.True(t, ok, "%q", line)
		assert.GreaterOrEqual(t, len(masked), 6)
	}
	assert.NotContains(t, lines, "::add-mask::production")

	for _, env := range []string{"GITHUB_ACTIONS=", "GITHUB_ACTIONS=false"} {
		code, output = mask(content, env)
		assert.Equal(t, 2, code)
		assert.NotContains(t, output, "canary")
		assert.NotContains(t, output, "::")
	}
	code, output = mask("A=1\nno canary=1\n", "GITHUB_ACTIONS=true")
	assert.Equal(t, 1, code)
	assert.Contains(t, output, "line 2")
	assert.NotContains(t, output, "canary")
}
