package growl_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ecr"
	"github.com/growl-dev/deploy/internal/magetest"
	"github.com/growl-dev/deploy/internal/tftest"
	"github.com/growl-dev/deploy/magefiles/growl"
	"github.com/growl-dev/deploy/sandbox"
)

// TestBuildAndPush goes the way of CI with a real engine, against the sandbox's registry.
func TestBuildAndPush(t *testing.T) {
	needEngine(t)
	program := magetest.Program(t)
	commit := cloneService(t)
	o := growl.Sandbox()
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

	code, output := runHere(t, program, "push", "-fleet="+fleet)
	require.Equal(t, 1, code)
	require.Contains(t, output, "the engine has no image growl-backend:"+commit+": build it first")
	okHere(t, program, "build")
	okHere(t, program, "push", "-fleet="+fleet)
	code, output = runHere(t, program, "push", "-repository="+repository)
	assert.Zero(t, code)
	assert.Contains(t, output, "already pushed: ", "what is there is pushed again")

	assert.Equal(t, commit, latest(t, repository, ""), "latest does not name what was pushed last")

	missing := strings.TrimSuffix(repository, "growl-backend") + "elsewhere"
	_, output = runHere(t, program, "push", "-repository="+missing)
	require.Contains(t, output, "there is no repository elsewhere in ")
}

// runHere runs a target in the working directory with this process's environment.
func runHere(t *testing.T, program string, args ...string) (code int, output string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	out, _ := cmd.CombinedOutput()
	return cmd.ProcessState.ExitCode(), string(out)
}

func okHere(t *testing.T, program string, args ...string) {
	t.Helper()
	code, output := runHere(t, program, args...)
	require.Zero(t, code, "%s", output)
}

// latest is the commit of the image that the tag latest names.
func latest(t *testing.T, repository, region string) string {
	t.Helper()
	cfg, err := awsconfig.LoadDefaultConfig(t.Context())
	require.NoError(t, err)
	images, err := ecr.NewFromConfig(cfg, repository, ecr.Options{Region: region})
	require.NoError(t, err)
	image, err := images.Resolve(t.Context(), "latest")
	require.NoError(t, err)
	return image.Commit
}

// TestDevsRoleMayBuildAndPush builds and pushes as the job does, with the policies of dev's role as Terraform plans them
// and enforced: with -onlyForward, where latest names a commit that the checkout does not hold, and then without.
func TestDevsRoleMayBuildAndPush(t *testing.T) {
	needEngine(t)
	tftest.NeedProvider(t)
	const name = "growl-backend-dev-github"
	policies := rolePolicies(t, openRecording(t, "dev"))[name]
	require.Len(t, policies, 2)
	program := magetest.Program(t)
	commit := cloneService(t)
	o := growl.Sandbox()
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
	repository := env.Fleet.Repository
	t.Cleanup(func() {
		out, err := exec.Command("docker", "image", "rm", "--force", "growl-backend:"+commit, repository+":"+commit).CombinedOutput()
		assert.NoError(t, err, "%s", out)
	})

	okHere(t, program, "build")
	okHere(t, program, "push", "-repository="+repository, "-region=us-west-1", "-onlyForward")
	okHere(t, program, "push", "-repository="+repository, "-region=us-west-1")
	assert.Empty(t, role.Denied())
	assert.Equal(t, commit, latest(t, repository, "us-west-1"))
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
