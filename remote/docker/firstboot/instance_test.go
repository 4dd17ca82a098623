package firstboot_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/remote/docker"
)

// instance is a machine for the scripts to run on: docker, aws and sleep
// are a shell script with state in a folder.
type instance struct {
	t    *testing.T
	dir  string
	spec docker.Spec
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
"sleep "*) ;;
"docker version "*) fails engine && exit 1; exit 0 ;;
"docker container inspect") [ -e "$state/container-$3" ] ;;
"docker start "*) [ -e "$state/container-$2" ] ;;
"docker rm --force") rm -f "$state/container-$3" ;;
"docker login "*) [ "$(cat)" = s3cret ] || exit 1; : >"$DOCKER_CONFIG/config.json" ;;
"docker pull "*) [ -e "$DOCKER_CONFIG/config.json" ] || exit 1; fails pull && exit 1; echo "$3" ;;
"docker run "*)
  for word; do printf '%s\n' "$word"; done >"$state/run"
  : >"$state/container-$4"
  fails run && exit 125
  echo 0123456789ab ;;
"aws ecr get-login-password") fails token && exit 255; printf s3cret ;;
"aws ecr batch-get-image")
  fails find && exit 255
  case "$*" in
  *"imageTag=deployed-dev "*) cat "$state/deployed-dev" 2>/dev/null || echo None ;;
  *"imageTag=latest "*) cat "$state/latest" 2>/dev/null || echo None ;;
  esac ;;
esac
`

func newInstance(t *testing.T) *instance {
	i := &instance{t: t, dir: t.TempDir()}
	for _, name := range []string{"docker", "aws", "sleep"} {
		i.write(filepath.Join("bin", name), programs, 0o755)
	}
	spec := plain()
	spec.Mounts[0].Source = i.dir
	spec.EnvFile = i.write("env", "A=1\n", 0o600)
	i.boots(spec)
	return i
}

// boots makes a spec's script the one that the instance boots with.
func (i *instance) boots(spec docker.Spec) {
	i.spec = spec
	i.write("first-boot", string(render(i.t, spec)), 0o755)
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

func (i *instance) boot() (string, error) {
	cmd := exec.Command("sh", filepath.Join(i.dir, "first-boot"), "dev", "1.dkr.ecr.us-west-1.amazonaws.com/"+i.spec.Name, "us-west-1", "9090")
	cmd.Env = []string{"STATE=" + i.dir, "TMPDIR=" + i.dir, "PATH=" + filepath.Join(i.dir, "bin") + ":" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	return string(out), err
}
