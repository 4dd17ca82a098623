package targets

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/magefile/mage/mg"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ecr"
	"github.com/growl-dev/deploy/internal/tftest"
	"github.com/growl-dev/deploy/sandbox"
)

func TestRepositoryOf(t *testing.T) {
	flag := func(text string) *string {
		if text == "" {
			return nil
		}
		return &text
	}
	file := filepath.Join(t.TempDir(), "fleet.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"environment":"prod","region":"us-west-2","registry_region":"us-west-1",
		"repository":"registry.example/growl","load_balancer":"lb","target_groups":["arn"],
		"instances":[{"id":"i-1","zone":"us-west-2a","address":"10.0.0.1"}]}`), 0o600))
	broken := filepath.Join(t.TempDir(), "broken.json")
	require.NoError(t, os.WriteFile(broken, []byte(`{}`), 0o600))

	tests := []struct {
		name, fleet, repository, region, environment string
		uri, where, fault                            string
		code                                         int
	}{
		{name: "a flag", repository: "r.example/x", region: "eu-west-1", environment: "e.example/x", uri: "r.example/x", where: "eu-west-1"},
		{name: "the environment", environment: "e.example/x", uri: "e.example/x"},
		{name: "a fleet, for any environment", fleet: file, environment: "e.example/x", uri: "registry.example/growl", where: "us-west-1"},
		{name: "a fleet and a region", fleet: file, region: "eu-west-1", uri: "registry.example/growl", where: "eu-west-1"},
		{name: "nothing", fault: "say where to push: ", code: 2},
		{name: "both", fleet: file, repository: "r.example/x", fault: "say where to push once", code: 2},
		{name: "no file", fleet: file + "x", fault: "does not exist", code: 1},
		{name: "a broken fleet", fleet: broken, fault: "read the fleet from " + broken, code: 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("REPOSITORY", test.environment)
			uri, where, err := repositoryOf(t.Context(), flag(test.fleet), flag(test.repository), flag(test.region))
			if test.fault != "" {
				require.ErrorContains(t, err, test.fault)
				assert.Equal(t, test.code, mg.ExitStatus(err))
				return
			}
			require.NoError(t, err)
			assert.Equal(t, []string{test.uri, test.where}, []string{uri, where})
		})
	}
}

func TestATagThatDoesNotMoveIsExplained(t *testing.T) {
	err := explainConflict(&ecr.ConflictError{Repository: "growl", Tag: "latest", Have: "sha256:a", Want: "sha256:b"})
	require.ErrorContains(t, err, "tag latest of growl names sha256:a already, not sha256:b: its tags are immutable: exempt latest")
	assert.NoError(t, explainConflict(nil))
}

// TestBuildAndPush goes the way of CI with a real engine, against the sandbox's registry.
func TestBuildAndPush(t *testing.T) {
	needEngine(t)
	commit := cloneService(t)
	o := growlSandbox()
	o.Instances = 1
	env, err := sandbox.Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, env.Close()) })
	for _, line := range env.Env() {
		if name, value, _ := strings.Cut(line, "="); name != "DOCKER_HOST" {
			t.Setenv(name, value)
		}
	}
	fleet, repository := env.FleetFile, env.Fleet.Repository
	t.Cleanup(func() {
		out, err := exec.Command("docker", "image", "rm", "--force", "growl-backend:"+commit, repository+":"+commit).CombinedOutput()
		assert.NoError(t, err, "%s", out)
	})

	require.ErrorContains(t, Push(t.Context(), &fleet, nil, nil, nil, nil), "the engine has no image growl-backend:"+commit+": build it first")
	require.NoError(t, Build(t.Context(), nil))
	require.NoError(t, Push(t.Context(), &fleet, nil, nil, nil, nil))
	fastest := time.Hour
	for range 3 {
		began := time.Now()
		require.NoError(t, Push(t.Context(), nil, &repository, nil, nil, nil))
		fastest = min(fastest, time.Since(began))
	}
	assert.Less(t, fastest, 15*time.Second, "pushing what is there takes too long")
	t.Logf("%s", fastest)

	images, err := pushesTo(t.Context(), nil, &repository, nil)
	require.NoError(t, err)
	latest, err := images.Resolve(t.Context(), "latest")
	require.NoError(t, err)
	assert.Equal(t, commit, latest.Commit, "latest does not name what was pushed last")

	missing := strings.TrimSuffix(repository, "growl-backend") + "elsewhere"
	require.ErrorContains(t, Push(t.Context(), nil, &missing, nil, nil, nil), "there is no repository elsewhere in ")
}

// TestDevsRoleMayBuildAndPush builds and pushes as the job does, with the policies of dev's role as Terraform plans them
// and enforced: with -onlyForward, where latest names a commit that the checkout does not hold, and then without.
func TestDevsRoleMayBuildAndPush(t *testing.T) {
	needEngine(t)
	tftest.NeedProvider(t)
	const name = "growl-backend-dev-github"
	policies := rolePolicies(t, openRecording(t, "dev"))[name]
	require.Len(t, policies, 2)
	commit := cloneService(t)
	o := growlSandbox()
	o.Instances = 1
	env, err := sandbox.Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, env.Close()) })
	role := env.AddRole(name, policies...)
	for _, line := range append(env.Env(), role.Env()...) {
		if name, value, _ := strings.Cut(line, "="); name != "DOCKER_HOST" {
			t.Setenv(name, value)
		}
	}
	repository, onlyForward := env.Fleet.Repository, true
	t.Cleanup(func() {
		out, err := exec.Command("docker", "image", "rm", "--force", "growl-backend:"+commit, repository+":"+commit).CombinedOutput()
		assert.NoError(t, err, "%s", out)
	})

	require.NoError(t, Build(t.Context(), nil))
	region := "us-west-1"
	require.NoError(t, Push(t.Context(), nil, &repository, &region, nil, &onlyForward))
	require.NoError(t, Push(t.Context(), nil, &repository, &region, nil, nil))
	assert.Empty(t, role.Denied())
	images, err := pushesTo(t.Context(), nil, &repository, &region)
	require.NoError(t, err)
	latest, err := images.Resolve(t.Context(), "latest")
	require.NoError(t, err)
	assert.Equal(t, commit, latest.Commit)
}

func needEngine(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("a real Docker engine takes its time")
	}
	if runtime.GOOS != "linux" {
		t.Skip("needs a Docker engine that reaches this machine's loopback: Linux")
	}
	t.Setenv("DOCKER_HOST", "") // it may name one that builds nothing, such as a sandbox's
	if out, err := exec.Command("docker", "version", "--format", "{{.Server.Version}}").CombinedOutput(); err != nil {
		t.Skipf("needs a Docker engine on this machine: %v: %s", err, out)
	}
}

// cloneService works in a checkout of its own from here on: the service in a
// commit of this test's, which no image of the user's is named by.
func cloneService(t *testing.T) (commit string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not in PATH")
	}
	root := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(root, serviceDir), 0o755))
	for _, pattern := range []string{"*.go", "go.mod", "Dockerfile", ".dockerignore"} {
		files, err := filepath.Glob(filepath.Join("..", "..", serviceDir, pattern))
		require.NoError(t, err)
		for _, file := range files {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(root, serviceDir, filepath.Base(file)), content, 0o600))
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(root, ".gitignore"), []byte("/growl-backend/bin/\n"), 0o600))
	t.Chdir(root)
	git := func(args ...string) string {
		cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "git %v: %s", args, out)
		return strings.TrimSpace(string(out))
	}
	git("init", "--quiet")
	git("add", ".")
	git("commit", "--quiet", "--message", root)
	return git("rev-parse", "HEAD")
}
