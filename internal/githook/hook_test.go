package githook

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/magetest"
)

// terraformDir is the folder of the repository's env files.
const terraformDir = "growl-backend/terraform"

// clone is a git repository with the hook and the files that the hook reads.
type clone struct {
	t   *testing.T
	dir string
	// top is of the clone that dir is a worktree of, or dir.
	top string
}

// newClone makes a repository with one commit, and a program go on PATH that
// counts its runs and runs the targets that the hook calls.
func newClone(t *testing.T) clone {
	t.Helper()
	for _, program := range []string{"git", "sh"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not on PATH", program)
		}
	}
	goProgram, err := exec.LookPath("go")
	require.NoError(t, err)
	dir := t.TempDir()
	c := clone{t: t, dir: dir, top: dir}
	c.write("bin/go", fmt.Sprintf(`#!/bin/sh
echo "$*" >>%q
case "$1 $2" in "tool mage") shift 2; exec %q "$@" ;; esac
exec %q "$@"
`, c.calls(), magetest.Program(t), goProgram))
	require.NoError(t, os.Chmod(filepath.Join(dir, "bin", "go"), 0o755))
	c.write(".gitignore", ".env.*\n/bin/\n/go-calls\n")
	c.write(terraformDir+"/terraform-dev.tfvars", "environment = \"dev\"\n")
	for _, name := range []string{"go.mod", "go.sum", "gitleaks.toml"} {
		content, err := os.ReadFile(filepath.Join("../../tools", name))
		require.NoError(t, err)
		c.write(filepath.Join("tools", name), string(content))
	}
	c.git("init", "-q", "-b", "main")
	c.git("add", ".")
	c.git("commit", "-q", "-m", "first")
	return c
}

func (c clone) calls() string { return filepath.Join(c.top, "go-calls") }

// started returns the number of times that the hook started Go since the last call.
func (c clone) started() int {
	c.t.Helper()
	text, _ := os.ReadFile(c.calls())
	_ = os.Remove(c.calls())
	return strings.Count(string(text), "tool mage hooks:run\n")
}

func (c clone) path(name string) string { return filepath.Join(c.dir, name) }

func (c clone) write(name, text string) {
	c.t.Helper()
	require.NoError(c.t, os.MkdirAll(filepath.Dir(c.path(name)), 0o755))
	require.NoError(c.t, os.WriteFile(c.path(name), []byte(text), 0o600))
}

func (c clone) read(name string) string {
	c.t.Helper()
	text, err := os.ReadFile(c.path(name))
	require.NoError(c.t, err)
	return string(text)
}

// try runs a program in the clone, without a user's git configuration.
func (c clone) try(program string, args ...string) (string, error) {
	cmd := exec.Command(program, args...)
	cmd.Dir = c.dir
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GIT_") })
	cmd.Env = append(cmd.Env, "PATH="+filepath.Join(c.top, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"),
		"GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// mage runs a target as a user does.
func (c clone) mage(target string) (string, error) {
	return c.try(filepath.Join(c.top, "bin", "go"), "tool", "mage", target)
}

func (c clone) git(args ...string) string {
	c.t.Helper()
	out, err := c.try("git", args...)
	require.NoError(c.t, err, "git %v: %s", args, out)
	return out
}

func (c clone) install() string {
	c.t.Helper()
	out, err := c.mage("hooks:install")
	require.NoError(c.t, err, out)
	return out
}

// refused checks that a commit fails, and returns the output.
func (c clone) refused(args ...string) string {
	c.t.Helper()
	before := c.git("rev-parse", "HEAD")
	out, err := c.try("git", append([]string{"commit", "-q", "-m", "next"}, args...)...)
	require.Error(c.t, err, "the commit was made: %s", out)
	assert.Equal(c.t, before, c.git("rev-parse", "HEAD"))
	return out
}

func (c clone) commit(args ...string) string {
	c.t.Helper()
	return c.git(append([]string{"commit", "-q", "-m", "next", "--allow-empty"}, args...)...)
}

const devEnv, devSeal = terraformDir + "/.env.dev", terraformDir + "/env-dev.sha256"

func TestTheHookIsInstalledOnce(t *testing.T) {
	c := newClone(t)
	hook := ".git/hooks/pre-commit"
	assert.Contains(t, c.install(), "installed the hook "+hook)
	assert.Contains(t, c.install(), "there already")
	assert.Equal(t, preCommit, c.read(hook))
	c.write(hook, "#!/bin/sh\n"+hookMark+", long ago\nexit 1\n")
	assert.Contains(t, c.install(), "up to date")
	assert.Equal(t, preCommit, c.read(hook))
	left, err := os.ReadDir(c.path(".git/hooks"))
	require.NoError(t, err)
	for _, file := range left {
		assert.False(t, strings.HasPrefix(file.Name(), ".pre-commit"), "%s is left", file.Name())
	}
}

func TestAnotherHookStays(t *testing.T) {
	c := newClone(t)
	hook := ".git/hooks/pre-commit"
	for _, text := range []string{"#!/bin/sh\nmake check\n", ""} {
		c.write(hook, text)
		out, err := c.mage("hooks:install")
		require.Error(t, err)
		assert.Contains(t, out, "let it run `go tool mage hooks:run` too, or move it away")
		assert.Equal(t, text, c.read(hook))
	}
	c.write(hook, "#!/bin/sh\nmake check && go tool mage hooks:run\n")
	assert.Contains(t, c.install(), "there already")
	assert.NotContains(t, c.read(hook), hookMark)

	require.NoError(t, os.Remove(c.path(hook)))
	c.write("elsewhere", hookMark)
	require.NoError(t, os.Symlink(c.path("elsewhere"), c.path(hook)))
	out, err := c.mage("hooks:install")
	require.Error(t, err)
	assert.Contains(t, out, "no plain file")
	assert.Equal(t, hookMark, c.read("elsewhere"), "it was written through a link")
}

func TestTheHookIsInGitsHooksFolder(t *testing.T) {
	for name, hooks := range map[string]string{"relative": "own/hooks", "absolute": filepath.Join(t.TempDir(), "hooks")} {
		t.Run(name, func(t *testing.T) {
			c := newClone(t)
			c.git("config", "core.hooksPath", hooks)
			c.install()
			c.git("add", "-f", c.envFile("A=1\n"))
			assert.Contains(t, c.refused(), "never committed")
		})
	}
	t.Run("nowhere", func(t *testing.T) {
		c := newClone(t)
		c.git("config", "core.hooksPath", os.DevNull)
		out, err := c.mage("hooks:install")
		require.Error(t, err)
		assert.Contains(t, out, "core.hooksPath")
	})
}

// envFile writes dev's env file as if it were just edited, and returns its name.
func (c clone) envFile(text string) string {
	c.t.Helper()
	c.write(devEnv, text)
	soon := time.Now().Add(time.Second)
	require.NoError(c.t, os.Chtimes(c.path(devEnv), soon, soon))
	return devEnv
}

// past makes the file older than everything that is written now.
func (c clone) past(name string) {
	c.t.Helper()
	long := time.Now().Add(-time.Hour)
	require.NoError(c.t, os.Chtimes(c.path(name), long, long))
}

func TestTheHookWorksInAWorktree(t *testing.T) {
	c := newClone(t)
	c.install()
	tree := clone{t: t, dir: filepath.Join(t.TempDir(), "tree"), top: c.top}
	c.git("worktree", "add", "-q", "-b", "other", tree.dir)
	tree.write(devEnv, "A=1\n")
	tree.past(devEnv)
	tree.write("note", "text")
	tree.git("add", "note")
	assert.Contains(t, tree.commit(), "dev: sealed anew")
	assert.Equal(t, devSeal+"\nnote\n", tree.git("show", "--format=", "--name-only"))
	assert.Empty(t, tree.git("status", "--porcelain"))
	assert.Contains(t, tree.install(), "there already", "worktrees share the hooks")
	assert.NoFileExists(t, c.path(devSeal), "the other worktree was touched")
}

func TestACommitWithNothingRelevantCostsNothing(t *testing.T) {
	c := newClone(t)
	c.install()
	c.write(devEnv, "A=1\n")
	c.past(devEnv)
	c.commit()
	assert.Equal(t, 1, c.started(), "the first seal")
	c.write("main.go", "package main\n")
	c.git("add", "main.go")
	assert.Empty(t, c.commit())
	assert.Zero(t, c.started(), "Go was started for nothing")

	fastest := time.Hour
	for range 3 {
		began := time.Now()
		out, err := c.try("sh", ".git/hooks/pre-commit")
		require.NoError(t, err, out)
		fastest = min(fastest, time.Since(began))
	}
	assert.Less(t, fastest, 10*time.Second)
	t.Logf("%s", fastest)
}

func TestAnEnvFileIsNeverCommitted(t *testing.T) {
	c := newClone(t)
	c.install()
	c.write("deep/er/.env.prod", "PASSWORD=hunter22\n")
	c.git("add", "-f", "deep/er/.env.prod")
	said := c.refused()
	assert.Contains(t, said, "env files hold secrets and are never committed: deep/er/.env.prod: git restore --staged deep/er/.env.prod")
	assert.NotContains(t, said, "hunter22")
	c.git("restore", "--staged", "deep/er/.env.prod")
	c.commit()

	c.git("add", "-f", "deep/er/.env.prod")
	c.commit("--no-verify")
	c.git("rm", "-q", "--cached", "deep/er/.env.prod")
	c.commit()
}

func TestChangedEnvFilesAreSealed(t *testing.T) {
	c := newClone(t)
	c.install()
	c.envFile("A=1\n")
	said := c.commit()
	assert.Contains(t, said, "dev: sealed anew, and the seal staged")
	seal := c.read(devSeal)
	assert.Equal(t, seal, c.git("show", "HEAD:"+devSeal))
	c.past(devEnv)

	c.envFile("A=2\n")
	c.commit("-a")
	assert.NotEqual(t, seal, c.git("show", "HEAD:"+devSeal))
	assert.Empty(t, c.git("status", "--porcelain"))

	c.past(devEnv)
	c.started()
	c.write(devEnv, "A=2\n")
	c.past(devSeal) // saved again, with nothing changed
	assert.Empty(t, c.commit())
	assert.Empty(t, c.commit())
	assert.Equal(t, 1, c.started(), "what was looked at once is looked at again")
	assert.Empty(t, c.git("status", "--porcelain"))
}

func TestSomebodyElsesSealStays(t *testing.T) {
	c := newClone(t)
	c.install()
	c.write(devEnv, "A=old\n")
	c.past(devEnv)
	seal := strings.Repeat("0", 64) + "  .env.dev\n"
	c.write(devSeal, seal)
	c.git("add", devSeal)
	assert.Empty(t, c.commit())
	assert.Equal(t, seal, c.read(devSeal))
}

func TestABadEnvFileIsNotSealed(t *testing.T) {
	c := newClone(t)
	c.install()
	c.envFile("A=1\nhunter22 =1\n")
	said := c.refused("--allow-empty")
	assert.Contains(t, said, "line 2: there is white space in the name")
	assert.NotContains(t, said, "hunter22")
	assert.NoFileExists(t, c.path(devSeal))
}

// TestACommitOfPathsDoesNotLoseASeal: git makes such a commit from an index of
// its own, which is thrown away after it.
func TestACommitOfPathsDoesNotLoseASeal(t *testing.T) {
	c := newClone(t)
	c.install()
	c.envFile("A=1\n")
	c.write("growl-backend/note", "text")
	c.git("add", "growl-backend/note")
	assert.Contains(t, c.refused("growl-backend/note"), "commit without paths")
	assert.NoFileExists(t, c.path(devSeal))
	c.commit()
	assert.Equal(t, "growl-backend/note\n"+devSeal+"\n", c.git("show", "--format=", "--name-only"))
}

func TestTheHookIsWhatTheGoCodeExpects(t *testing.T) {
	for _, pattern := range append(tfvars(), ":(glob)**/.env.*") {
		assert.Contains(t, preCommit, "'"+pattern+"'")
	}
	assert.Contains(t, preCommit, hookMark)
	assert.Contains(t, preCommit, hookCall)
}
