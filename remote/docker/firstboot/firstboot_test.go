package infra_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/infra"
)

var update = flag.Bool("update", false, "write golden files anew")

// plain is the spec of growl-backend, with the defaults of a rollout.
func plain() infra.FirstBoot {
	return infra.FirstBoot{
		Container: "growl-backend", ContainerPort: 8080,
		Mounts:  []infra.BindMount{{Source: "/tmp/deployment-test", Target: "/tmp/deployment-test"}},
		EnvFile: "/etc/growl-backend/env",
		Restart: "always", LogSize: "10m", LogFiles: 3, StopGraceSeconds: 30,
	}
}

// awkward uses every field, with text that a shell would trip over.
func awkward() infra.FirstBoot {
	return infra.FirstBoot{
		Container: "odd", ContainerPort: 80, Network: "host", User: "65534:65534",
		Mounts:     []infra.BindMount{{Source: "/srv/it's $HOME", Target: "/data", ReadOnly: true}},
		Env:        map[string]string{"B": "$(touch pwned)", "A": `two "words"`},
		Labels:     map[string]string{"dev.example/team": "`us`"},
		StopSignal: "SIGQUIT", Restart: "on-failure:3", LogSize: "1g", LogFiles: 1, StopGraceSeconds: 5,
	}
}

func render(t *testing.T, spec infra.FirstBoot) []byte {
	t.Helper()
	script, err := infra.RenderFirstBoot(spec)
	require.NoError(t, err)
	return script
}

func TestRenderFirstBoot(t *testing.T) {
	for name, spec := range map[string]infra.FirstBoot{"plain": plain(), "awkward": awkward()} {
		t.Run(name, func(t *testing.T) {
			golden := filepath.Join("testdata", "first-boot-"+name+".sh")
			script := render(t, spec)
			if *update {
				require.NoError(t, os.WriteFile(golden, script, 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(script), "go test ./infra -run RenderFirstBoot -update writes it anew")
		})
	}
}

func TestScriptsAreShell(t *testing.T) {
	for _, script := range []string{"testdata/first-boot-plain.sh", "testdata/first-boot-awkward.sh", "../growl-backend/terraform/host-key.sh", "../growl-backend/terraform/env-file.sh", "../growl-backend/terraform/first-boot.sh"} {
		out, err := exec.Command("sh", "-n", script).CombinedOutput()
		assert.NoError(t, err, "%s: %s", script, out)
	}
}

func TestRenderFirstBootRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*infra.FirstBoot)
		says  string
	}{
		"no name":     {func(f *infra.FirstBoot) { f.Container = "" }, "no name"},
		"no port":     {func(f *infra.FirstBoot) { f.ContainerPort = 0 }, "between 1 and 65535"},
		"no defaults": {func(f *infra.FirstBoot) { f.Restart = "" }, "defaults"},
		"comma":       {func(f *infra.FirstBoot) { f.Mounts[0].Source = "/a,readonly" }, "comma"},
		"line break":  {func(f *infra.FirstBoot) { f.Env = map[string]string{"A": "b\nc"} }, "line break"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := plain()
			c.spoil(&spec)
			_, err := infra.RenderFirstBoot(spec)
			require.ErrorContains(t, err, c.says)
		})
	}
}

// instance is a machine for the scripts to run on: docker, aws and the rest are
// shell functions of state in a folder.
type instance struct {
	t    *testing.T
	dir  string
	spec infra.FirstBoot
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
"docker version "*) fails engine && exit 1; exit 0 ;;
"docker container inspect") [ -e "$state/container-$3" ] ;;
"docker start "*) [ -e "$state/container-$2" ] ;;
"docker rm --force") rm -f "$state/container-$3" ;;
"docker login "*) [ "$(cat)" = s3cret ] || exit 1; : >"$DOCKER_CONFIG/config.json" ;;
"docker pull "*) [ -e "$DOCKER_CONFIG/config.json" ] || exit 1; fails pull && exit 1; echo "$3" ;;
"docker run "*)
  for word; do printf '%s\n' "$word"; done >"$state/run"
  : >"$state/container-growl-backend"
  fails run && exit 125
  echo 0123456789ab ;;
"aws ecr get-login-password") fails token && exit 255; printf s3cret ;;
"aws ecr batch-get-image")
  fails find && exit 255
  case "$*" in
  *"imageTag=deployed-dev "*) cat "$state/deployed-dev" 2>/dev/null || echo None ;;
  *"imageTag=latest "*) cat "$state/latest" 2>/dev/null || echo None ;;
  esac ;;
"aws ssm get-parameter")
  fails parameter && exit 255
  fails stale && exec cat "$state/stale"
  cat "$state/parameter" ;;
esac
`

func newInstance(t *testing.T) *instance {
	i := &instance{t: t, dir: t.TempDir(), spec: plain()}
	for _, name := range []string{"docker", "aws", "sleep", "systemctl"} {
		i.write(filepath.Join("bin", name), programs, 0o755)
	}
	i.spec.Mounts[0].Source = i.dir
	i.spec.EnvFile = i.write("env", "A=1\n", 0o600)
	i.write("first-boot", string(render(t, i.spec)), 0o755)
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

func (i *instance) boot() (string, error) {
	return i.exec(filepath.Join(i.dir, "first-boot"), "dev", "1.dkr.ecr.us-west-1.amazonaws.com/growl-backend", "us-west-1", "9090")
}

const (
	deployed = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	latest   = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
)

func TestFirstBootStartsWhatWasDeployed(t *testing.T) {
	i := newInstance(t)
	i.write("deployed-dev", deployed+"\n", 0o600)
	i.write("latest", latest+"\n", 0o600)
	out, err := i.boot()
	require.NoError(t, err, out)
	words := strings.Split(strings.TrimSpace(i.read("run")), "\n")
	assert.Equal(t, []string{
		"run", "--detach", "--name", "growl-backend",
		"--restart", "always", "--log-driver", "json-file", "--log-opt", "max-size=10m", "--log-opt", "max-file=3",
		"--stop-timeout", "30", "--publish", "9090:8080",
		"--mount", "type=bind,source=" + i.dir + ",target=/tmp/deployment-test",
		"--env-file", i.spec.EnvFile, "--label", "dev.growl.release=" + deployed,
		"1.dkr.ecr.us-west-1.amazonaws.com/growl-backend@" + deployed,
	}, words)
	assert.NotContains(t, i.read("calls"), "s3cret", "the token is no argument")
	left, err := filepath.Glob(filepath.Join(i.dir, "tmp.*"))
	require.NoError(t, err)
	assert.Empty(t, left, "the login is left behind")
}

func TestFirstBootTakesLatestWhereNothingWasDeployed(t *testing.T) {
	i := newInstance(t)
	i.write("latest", latest+"\n", 0o600)
	out, err := i.boot()
	require.NoError(t, err, out)
	assert.Contains(t, i.read("run"), "growl-backend@"+latest)
}

func TestFirstBootRefusesWithoutAnImage(t *testing.T) {
	i := newInstance(t)
	out, err := i.boot()
	require.Error(t, err)
	assert.Contains(t, out, "neither deployed-dev nor latest")
	assert.NoFileExists(t, filepath.Join(i.dir, "run"))
}

func TestFirstBootIsIdempotent(t *testing.T) {
	i := newInstance(t)
	i.write("deployed-dev", deployed+"\n", 0o600)
	_, err := i.boot()
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(i.dir, "run")))
	out, err := i.boot()
	require.NoError(t, err, out)
	assert.Contains(t, i.read("calls"), "docker start growl-backend")
	assert.NoFileExists(t, filepath.Join(i.dir, "run"), "it ran a second container")
}

func TestFirstBootLeavesASwapAlone(t *testing.T) {
	i := newInstance(t)
	i.write("deployed-dev", deployed+"\n", 0o600)
	i.write("container-growl-backend-previous", "", 0o600)
	out, err := i.boot()
	require.Error(t, err)
	assert.Contains(t, out, "growl-backend-previous exists")
	assert.NoFileExists(t, filepath.Join(i.dir, "run"))
}

func TestFirstBootRetries(t *testing.T) {
	for _, what := range []string{"engine", "find", "token", "pull"} {
		t.Run(what, func(t *testing.T) {
			i := newInstance(t)
			i.write("deployed-dev", deployed+"\n", 0o600)
			i.write("fail-"+what, "3\n", 0o600)
			out, err := i.boot()
			require.NoError(t, err, out)
			assert.Contains(t, i.read("run"), "growl-backend@"+deployed, "a failing registry is not a missing tag")
			assert.Equal(t, 3, strings.Count(i.read("calls"), "sleep 15"))
		})
	}
}

func TestFirstBootThatCannotStartLeavesNoContainer(t *testing.T) {
	i := newInstance(t)
	i.write("deployed-dev", deployed+"\n", 0o600)
	i.write("fail-run", "1\n", 0o600)
	_, err := i.boot()
	require.Error(t, err)
	assert.NoFileExists(t, filepath.Join(i.dir, "container-growl-backend"))
	out, err := i.boot()
	require.NoError(t, err, out)
	assert.FileExists(t, filepath.Join(i.dir, "container-growl-backend"))
}

func TestFirstBootWantsWhatItMounts(t *testing.T) {
	i := newInstance(t)
	i.write("deployed-dev", deployed+"\n", 0o600)
	require.NoError(t, os.Remove(i.spec.EnvFile))
	out, err := i.boot()
	require.Error(t, err)
	assert.Contains(t, out, "env is missing")
	assert.NoFileExists(t, filepath.Join(i.dir, "run"))
}
