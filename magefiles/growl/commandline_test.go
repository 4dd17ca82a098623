package growl_test

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magefile/mage/parse"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/commandline"
	"github.com/growl-dev/deploy/internal/magetest"
	"github.com/growl-dev/deploy/magefiles/growl"
	"github.com/growl-dev/deploy/magefiles/targets"
	"github.com/growl-dev/deploy/magefiles/upkeep"
)

// repositorys are the commands of the repository's own magefile.
func repositorys(t *testing.T) commandline.Commands {
	t.Helper()
	all, err := commandline.Read([]fs.FS{targets.Sources, growl.Sources, upkeep.Sources}, map[string]any{"sandbox": targets.Sandbox.Run, "test": upkeep.Test.All})
	require.NoError(t, err)
	return all
}

// TestCommandsAreThoseOfMage compares the targets, parameters and aliases that the check of the command line reads with
// those that mage reads from the source.
func TestCommandsAreThoseOfMage(t *testing.T) {
	info, err := parse.PrimaryPackage("go", "..", []string{"magefile.go"}, false)
	require.NoError(t, err)
	want := commandline.Commands{}
	functions := info.Funcs
	for _, imported := range info.Imports {
		functions = append(functions, imported.Info.Funcs...)
	}
	for _, f := range functions {
		c := commandline.Command{Name: strings.ToLower(f.TargetName())}
		for _, a := range f.RequiredArgs() {
			c.Words = append(c.Words, strings.ToUpper(a.Name))
		}
		for _, a := range f.OptionalArgs() {
			c.Options = append(c.Options, commandline.Option{Name: a.Name, Kind: a.Type})
		}
		want[c.Name] = c
	}
	for alias, f := range info.Aliases {
		want[alias] = want[strings.ToLower(f.TargetName())]
	}
	require.Greater(t, len(want), 25)
	assert.Equal(t, want, repositorys(t))
	for _, name := range commandline.Together() {
		assert.Contains(t, want, name, "together")
	}
	for _, name := range commandline.Plain() {
		has := func(o commandline.Option) bool { return o.Name == name }
		of := func(c commandline.Command) bool { return slices.ContainsFunc(c.Options, has) }
		assert.True(t, slices.ContainsFunc(slices.Collect(maps.Values(want)), of), "plain: no target has -%s", name)
	}
}

// strays are command lines that mage would begin to run, or of which it would run only a part.
var strays = []struct {
	args []string
	want string
}{
	{[]string{"deploy:dev", "v2", "-dryRun"}, "\"v2\" is no target, and deploy:dev does not take it: nothing was run: did you mean `mage deploy:dev -tag=v2 -dryRun`?"},
	{[]string{"deploy:dev", "tag=v2"}, "did you mean `mage deploy:dev -tag=v2`?"},
	{[]string{"deploy:dev", "-tag", "v2"}, "\"-tag\" needs a value, -tag=VALUE: nothing was run: did you mean `mage deploy:dev -tag=v2`?"},
	{[]string{"DEPLOY:Dev", "-dryRun", "v2"}, "did you mean `mage deploy:dev -dryRun -tag=v2`?"},
	{[]string{"deploy:dev", "dryRun"}, "did you mean `mage deploy:dev -dryRun`?"},
	{[]string{"v2", "deploy:dev"}, "there is no target \"v2\": nothing was run: did you mean `mage deploy:dev -tag=v2`?"},
	{[]string{"deploy", "dev", "v2"}, "there is no target \"deploy\": nothing was run: did you mean `mage deploy:dev -tag=v2`?"},
	{[]string{"-v", "-t", "5m", "deploy:dev", "v2"}, "did you mean `mage deploy:dev -tag=v2`?"},
	{[]string{"deploy:dev", "v2", "-v"}, "did you mean `mage -v deploy:dev -tag=v2`?"},
	{[]string{"-dryRun", "deploy:dev"}, "the flags of a target follow its name: nothing was run: did you mean `mage deploy:dev -dryRun`?"},
	{[]string{"deploy:dev", "-tag=v2", "-tag=v1"}, "-tag is given twice: nothing was run: `mage -l` lists the targets"},
	{[]string{"deploy:dev", "-tag=v2", "-imageTag=v1"}, "-tag=v2 and -imageTag=v1 disagree: give one of them"},
	{[]string{"deploy:dev", ""}, "\"\" is no target, and deploy:dev does not take it: nothing was run: `mage -l`"},
	{[]string{"deploy:dev", "a b;c"}, "did you mean `mage deploy:dev '-tag=a b;c'`?"},
	{[]string{"deploy:dev", "deploy:dev"}, "deploy:dev changes something and has to be the only target of its command: nothing was run: did you mean `mage deploy:dev && mage deploy:dev`?"},
	{[]string{"deploy:dev", "--image-tag", "v2", "-dry-run"}, "did you mean `mage deploy:dev -imageTag=v2 -dryRun`?"},
	{[]string{"deploy:dev", "-tga=v2"}, `unknown option "tga" for target deploy:dev`},
	{[]string{"deploy:prod", "-dryRun", strings.Repeat("0", 40)}, "deploy:prod needs SHA before its flags, not \"-dryRun\": nothing was run: did you mean `mage deploy:prod " + strings.Repeat("0", 40) + " -dryRun`?"},
	{[]string{"deploy:prod", strings.Repeat("0", 40), "v2"}, "\"v2\" is no target, and deploy:prod does not take it"},
	{[]string{"deploy:heal", "-policy=batch=2", "dev"}, "did you mean `mage deploy:heal dev -policy=batch=2`?"},
	{[]string{"deploy:heal", "dev", "prod"}, `"prod" is no target, and deploy:heal does not take it`},
	{[]string{"deploy:resume", "dev", "skipDrift"}, "did you mean `mage deploy:resume dev -skipDrift`?"},
	{[]string{"deploy:rollback", "dev", "20260101T000000Z-0a0a"}, "did you mean `mage deploy:rollback dev -to=20260101T000000Z-0a0a`?"},
	{[]string{"deploy:unlock", "dev", "20260101T000000Z-0a0a"}, "did you mean `mage deploy:unlock dev -run=20260101T000000Z-0a0a`?"},
	{[]string{"deploy:status", "dev", "deploy:heal", "dev"}, "deploy:heal changes something and has to be the only target of its command: nothing was run: did you mean `mage deploy:status dev && mage deploy:heal dev`?"},
	{[]string{"infra:apply", "oneByOne", "dev"}, "\"dev\" is no target, and infra:apply does not take it"},
	{[]string{"infra:apply", "dev", "oneByOne"}, "did you mean `mage infra:apply dev -oneByOne`?"},
	{[]string{"infra:hostKeys", "dev", "growl-backend-1"}, "did you mean `mage infra:hostkeys dev -instance=growl-backend-1`?"},
	{[]string{"infra:render", "dev"}, "infra:render does not take it"},
	{[]string{"infra:drift", "dev", "infra:aply", "dev"}, `"infra:aply" is no target, and infra:drift does not take it`},
	{[]string{"env:seal", "dev"}, "env:seal does not take it"},
	{[]string{"env:seal", "-dryRun"}, `unknown option "dryRun" for target env:seal`},
	{[]string{"hooks:install", "now"}, "hooks:install does not take it"},
	{[]string{"hooks:run", "env:seal"}, "hooks:run changes something"},
	{[]string{"build", "linux/arm64"}, "did you mean `mage build -platform=linux/arm64`?"},
	{[]string{"build", "push"}, "build changes something and has to be the only target of its command: nothing was run: did you mean `mage build && mage push`?"},
	{[]string{"push", "x"}, "push does not take it"},
	{[]string{"sandbox", "5"}, "did you mean `mage sandbox:run -instances=5`?"},
	{[]string{"Sandbox", "fault=bad-image"}, "did you mean `mage sandbox:run -fault=bad-image`?"},
	{[]string{"sandbox:up", "hollow"}, "did you mean `mage sandbox:up -hollow`?"},
	{[]string{"lint", "test", "lint2"}, `"lint2" is no target, and test:all does not take it`},
	{[]string{"bench:deploy", "20"}, "did you mean `mage bench:deploy -factor=20`?"},
}

// TestAStrayWordRunsNothing runs command lines as people do, through the compiled program: AWS, the registry and
// the instance get no request, and no file is written.
func TestAStrayWordRunsNothing(t *testing.T) {
	needTime(t)
	program := magetest.Program(t)
	w := watchedWorld(t)
	t.Setenv("FLEET", w.file(t, "fleet.json", w.fleet))
	t.Setenv("SSH_KEY", w.key(t, 0o600))
	t.Setenv("SSH_KNOWN_HOSTS", w.file(t, "known_hosts", ""))
	checkout := t.TempDir()
	envFile := filepath.Join(checkout, terraformDir, ".env.dev")
	require.NoError(t, os.MkdirAll(filepath.Dir(envFile), 0o755))
	require.NoError(t, os.WriteFile(envFile, []byte("A=1\n"), 0o600))
	run := func(args ...string) (int, string) {
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Dir = checkout
		out, _ := cmd.CombinedOutput()
		return cmd.ProcessState.ExitCode(), string(out)
	}
	for _, stray := range strays {
		t.Run(strings.Join(stray.args, " "), func(t *testing.T) {
			code, output := run(stray.args...)
			assert.Equal(t, 2, code, "%s", output)
			assert.True(t, strings.HasPrefix(output, "Error: "), "%s", output)
			assert.Equal(t, 1, strings.Count(output, "\n"), "%s", output)
			assert.Contains(t, output, stray.want)
		})
	}
	assert.Zero(t, w.asked.Load(), "a request was made")
	var files []string
	require.NoError(t, filepath.WalkDir(checkout, func(path string, entry os.DirEntry, err error) error {
		if !entry.IsDir() {
			files = append(files, path)
		}
		return err
	}))
	assert.Equal(t, []string{envFile}, files, "something was written")

	code, output := run("deploy:dev", "-tag=v2", "-imageTag=v2", "-dryRun")
	assert.Equal(t, 1, code, "%s", output)
	assert.NotZero(t, w.asked.Load(), "the watch does not see requests")
	code, output = run("env:seal")
	assert.Zero(t, code, "%s", output)
	assert.FileExists(t, filepath.Join(checkout, terraformDir, "env-dev.sha256"))
}

// TestGoToolMageChecksToo runs a stray word by mage, which passes the rest of the command line on.
func TestGoToolMageChecksToo(t *testing.T) {
	needTime(t)
	for _, flags := range [][]string{nil, {"-v", "-t", "5m", "-d", "magefiles", "-w", "."}} {
		cmd := exec.CommandContext(t.Context(), "go", slices.Concat([]string{"tool", "mage"}, flags, []string{"deploy:dev", "v2", "-dryRun"})...)
		cmd.Dir, cmd.Env = "../..", append(os.Environ(), "AWS_ENDPOINT_URL=http://127.0.0.1:1", "FLEET=/nonesuch")
		out, _ := cmd.CombinedOutput()
		assert.Equal(t, 2, cmd.ProcessState.ExitCode(), "%s", out)
		assert.Contains(t, string(out), "did you mean `mage deploy:dev -tag=v2 -dryRun`?")
	}
}

// TestHelpOfATarget gets the help of a target in the ways that people try, by mage and by the compiled program.
func TestHelpOfATarget(t *testing.T) {
	needTime(t)
	program := magetest.Program(t)
	for _, line := range []string{"-h deploy:dev", "deploy:dev -help", "deploy:dev --help", "-v deploy:DEV -tag=v2 -h"} {
		out, err := exec.CommandContext(t.Context(), program, strings.Fields(line)...).CombinedOutput()
		require.NoError(t, err, "%s: %s", line, out)
		assert.Contains(t, string(out), "-dryRun", line)
	}
	cmd := exec.CommandContext(t.Context(), "go", "tool", "mage", "deploy:dev", "--help")
	cmd.Dir = "../.."
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "-dryRun")
}

// TestCommandLinesThatAreRight: what mage takes as it is meant passes, and what only prints something too.
func TestCommandLinesThatAreRight(t *testing.T) {
	none := func(string) string { return "" }
	for _, line := range []string{
		"", "-v", "-l deploy:dev v2", "-h deploy:dev", "-help", "deploy:dev", "-v deploy:dev -tag=v2 -DRYRUN -skipdrift=false",
		"-t 5m Deploy:Heal dev -policy=batch=2", "-- deploy:dev", "lint test", "TEST", "env:check env:guard infra:drift dev lint test:sim -seeds=5",
		"infra:plan dev infra:plan prod", "deploy:status dev deploy:history dev -runs=3", "sandbox -factor=10 -instances=5", "build -platform=linux/arm64",
	} {
		assert.NoError(t, repositorys(t).Check(strings.Fields(line), none), line)
	}
	for _, name := range []string{"MAGEFILE_LIST", "MAGEFILE_HELP"} {
		assert.NoError(t, repositorys(t).Check([]string{"deploy:dev", "v2"}, func(asked string) string {
			return map[string]string{name: "1"}[asked]
		}), name)
	}
	err := repositorys(t).Check([]string{"deploy:dev", "\x1b[2J"}, none)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "\x1b")
}
