package infra_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write golden files anew")

func TestScriptsAreShell(t *testing.T) {
	for _, script := range []string{"../growl-backend/terraform/host-key.sh", "../growl-backend/terraform/env-file.sh", "../growl-backend/terraform/first-boot.sh"} {
		out, err := exec.Command("sh", "-n", script).CombinedOutput()
		assert.NoError(t, err, "%s: %s", script, out)
	}
}

// instance is a machine for the scripts to run on. aws and the other programs are a shell script with state in a
// folder.
type instance struct {
	t   *testing.T
	dir string
}

const programs = `#!/bin/sh
state=$STATE
echo "$(basename "$0") $*" >>"$state/calls"
fails() { # NAME: fails as often as the file says
  n=$(cat "$state/fail-$1" 2>/dev/null || echo 0)
  [ "$n" -gt 0 ] || return 1
  echo $((n - 1)) >"$state/fail-$1"
}
case "$(basename "$0") $1 $2" in
"sleep "*) [ ! -e "$state/impatient" ] ;;
"aws ssm get-parameter")
  fails parameter && exit 255
  fails stale && exec cat "$state/stale"
  cat "$state/parameter" ;;
esac
`

func newInstance(t *testing.T) *instance {
	i := &instance{t: t, dir: t.TempDir()}
	for _, name := range []string{"aws", "sleep", "systemctl"} {
		i.write(filepath.Join("bin", name), programs, 0o755)
	}
	return i
}

func (i *instance) write(name, text string, mode os.FileMode) string {
	i.t.Helper()
	path := filepath.Join(i.dir, name)
	require.NoError(i.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(i.t, os.WriteFile(path, []byte(text), mode))
	return path
}

func (i *instance) read(name string) string {
	i.t.Helper()
	text, err := os.ReadFile(filepath.Join(i.dir, name))
	require.NoError(i.t, err)
	return string(text)
}

func (i *instance) exec(script string, args ...string) (string, error) {
	cmd := exec.Command("sh", append([]string{script}, args...)...)
	cmd.Env = []string{"STATE=" + i.dir, "SSH_DIR=" + i.dir, "ENV_FILE=" + filepath.Join(i.dir, "etc", "env"), "TMPDIR=" + i.dir, "PATH=" + filepath.Join(i.dir, "bin") + ":" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	return string(out), err
}
