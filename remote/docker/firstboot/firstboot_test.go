package firstboot_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/remote/docker"
	"github.com/growl-dev/deploy/remote/docker/firstboot"
)

var update = flag.Bool("update", false, "write golden files anew")

// plain is the spec of growl-backend.
func plain() docker.Spec {
	return docker.Spec{
		Name: "growl-backend", HostPort: 8080,
		Mounts:      []docker.Mount{{Source: "/tmp/deployment-test", Target: "/tmp/deployment-test"}},
		EnvFile:     "/etc/growl-backend/env",
		LabelPrefix: "dev.growl",
	}
}

// least is a service that declares nothing that has a default.
func least() docker.Spec { return docker.Spec{Name: "orders-api", HostPort: 9000} }

// awkward uses every field, with text that a shell would trip over.
func awkward() docker.Spec {
	return docker.Spec{
		Name: "odd", HostPort: 80, Network: "host", User: "65534:65534",
		Mounts:     []docker.Mount{{Source: "/srv/it's $HOME", Target: "/data", ReadOnly: true}},
		Env:        map[string]string{"B": "$(touch pwned)", "A": `two "words"`},
		Labels:     map[string]string{"dev.example/team": "`us`"},
		StopSignal: "SIGQUIT", Restart: "on-failure:3", Log: docker.Log{MaxSize: "1g", MaxFile: 1}, StopGrace: 5 * time.Second,
		DrainSignal: "SIGUSR1", UndrainSignal: "SIGUSR2", MemoryLimit: 512 << 20,
	}
}

func render(t *testing.T, spec docker.Spec) []byte {
	t.Helper()
	script, err := firstboot.Render(spec)
	require.NoError(t, err)
	return script
}

func TestRender(t *testing.T) {
	for name, spec := range map[string]docker.Spec{"plain": plain(), "least": least(), "awkward": awkward()} {
		t.Run(name, func(t *testing.T) {
			golden := filepath.Join("testdata", name+".sh")
			script := render(t, spec)
			if *update {
				require.NoError(t, os.WriteFile(golden, script, 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(script), "go test ./remote/docker/firstboot -run Render -update writes it anew")
			for _, shell := range []string{"sh", "bash", "dash"} {
				if _, err := exec.LookPath(shell); err != nil {
					continue
				}
				out, err := exec.Command(shell, "-n", golden).CombinedOutput()
				assert.NoError(t, err, "%s: %s", shell, out)
			}
		})
	}
}

func TestAnotherServiceFindsNothingOfGrowl(t *testing.T) {
	assert.NotContains(t, string(render(t, least())), "growl")
}

func TestRenderRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*docker.Spec)
		says  string
	}{
		"no name":    {func(s *docker.Spec) { s.Name = "" }, `render the first boot of "": name ""`},
		"no port":    {func(s *docker.Spec) { s.HostPort = 0 }, "between 1 and 65535"},
		"comma":      {func(s *docker.Spec) { s.Mounts[0].Source = "/a,readonly" }, "comma"},
		"line break": {func(s *docker.Spec) { s.Env = map[string]string{"A": "b\nc"} }, "line break"},
		"prefix":     {func(s *docker.Spec) { s.LabelPrefix = `"; reboot; "` }, "label_prefix"},
		"two faults": {func(s *docker.Spec) { s.Network, s.User = "a\nb", "c\nd" }, "NUL; "},
	} {
		t.Run(name, func(t *testing.T) {
			spec := plain()
			c.spoil(&spec)
			_, err := firstboot.Render(spec)
			require.ErrorContains(t, err, c.says)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
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

func TestFirstBootOfTheLeastService(t *testing.T) {
	i := newInstance(t)
	i.boots(least())
	i.write("latest", latest+"\n", 0o600)
	out, err := i.boot()
	require.NoError(t, err, out)
	assert.Equal(t, []string{
		"run", "--detach", "--name", "orders-api",
		"--restart", "always", "--log-driver", "json-file", "--log-opt", "max-size=10m", "--log-opt", "max-file=3",
		"--stop-timeout", "30", "--publish", "9090:9000", "--label", "internal.deploy.release=" + latest,
		"1.dkr.ecr.us-west-1.amazonaws.com/orders-api@" + latest,
	}, strings.Split(strings.TrimSpace(i.read("run")), "\n"))
	require.NoError(t, os.Remove(filepath.Join(i.dir, "run")))
	out, err = i.boot()
	require.NoError(t, err, out)
	assert.Contains(t, i.read("calls"), "docker start orders-api")
}
