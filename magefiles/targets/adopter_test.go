package targets_test

import (
	"context"
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

// adopter is the folder of a module of its own, whose team deploys orders-api with this project.
var adopter = filepath.Join("testdata", "adopter")

// compileMagefile compiles the magefile in a folder of the adopter's.
func compileMagefile(t *testing.T, folder string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "deploy-targets")
	inAdopter(t, "tool", "mage", "-d", folder, "-compile", program)
	return program
}

// inAdopter runs the go command in the adopter's module. It changes no go.mod, and downloads nothing that the
// repository's own build does not need.
func inAdopter(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Env = adopter, append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "go %s: %s", strings.Join(args, " "), out)
	return string(out)
}

// shell is a shell of a person: a folder, and the environment's variables.
type shell struct {
	dir  string
	vars []string
}

// newShell returns a shell in a folder of its own, without a variable of a place.
func newShell(t *testing.T) shell {
	dir := t.TempDir()
	return shell{dir, []string{"HOME=" + dir}}
}

// run runs a program to its end.
func (s shell) run(t *testing.T, program string, args ...string) (code int, output string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = s.dir, magetest.Environ(s.vars...), 10*time.Second
	out, err := cmd.CombinedOutput()
	require.NotNil(t, cmd.ProcessState, "%v", err)
	return cmd.ProcessState.ExitCode(), string(out)
}

// ok runs a program that has to succeed.
func (s shell) ok(t *testing.T, program string, args ...string) string {
	t.Helper()
	code, output := s.run(t, program, args...)
	require.Zero(t, code, "%s", output)
	return output
}

// refuses runs a program that has to end with a code, and returns its one line.
func (s shell) refuses(t *testing.T, code int, program string, args ...string) string {
	t.Helper()
	got, output := s.run(t, program, args...)
	require.Equal(t, code, got, "%s", output)
	assert.Equal(t, 1, strings.Count(output, "\n"), "%s", output)
	return output
}

func (s shell) write(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(s.dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}

// TestAnAdopterNeedsFewLines counts them without blank lines and comments.
func TestAnAdopterNeedsFewLines(t *testing.T) {
	for file, most := range map[string]int{"magefile.go": 25, "ship/main.go": 20} {
		lines := 0
		for line := range strings.Lines(readFile(t, filepath.Join(adopter, file))) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
				lines++
			}
		}
		assert.Greater(t, lines, 10, "%s: the test does not see the lines", file)
		assert.LessOrEqual(t, lines, most, file)
	}
}

// TestAnAdoptersMagefile deploys with the 25 lines, in a sandbox that the same magefile brings up.
func TestAnAdoptersMagefile(t *testing.T) {
	t.Parallel()
	mage := compileMagefile(t, ".")
	t.Run("lists the targets for everybody alone", func(t *testing.T) {
		listed := newShell(t).ok(t, mage, "-l")
		assert.Contains(t, listed, "\n  deploy:to ")
		for _, other := range []string{"deploy:dev", "deploy:prod", "bench", "test", "lint", "render", "hooks"} {
			assert.NotContains(t, listed, "\n  "+other)
		}
	})
	t.Run("refuses what its declaration does not allow", func(t *testing.T) {
		s := newShell(t)
		assert.Contains(t, s.refuses(t, 2, mage, "deploy", "live", "-tag=v2"), "live takes the full commit SHA")
		assert.Contains(t, s.refuses(t, 2, mage, "deploy", "staging", "v2", "-dryRun"), "did you mean `mage deploy:to staging -tag=v2 -dryRun`?")
		assert.Contains(t, s.refuses(t, 2, mage, "deploy", "qa"), "want one of live, staging")
		assert.Contains(t, s.refuses(t, 1, mage, "deploy", "staging"), "staging.json does not exist: -fleet=FILE or FLEET names a fleet file")
	})
	t.Run("deploys", func(t *testing.T) {
		t.Parallel()
		s, place := keepSandbox(t, mage)
		deploy := []string{"deploy", "staging", "-tag=" + place["V2"], "-policy=" + place["POLICY"]}
		assert.Contains(t, s.ok(t, mage, append(deploy, "-dryRun")...), "plan for staging: "+place["V2"][:12])
		output := s.ok(t, mage, append(deploy, "-probe="+"http://"+place["NLB"]+"/")...)
		assert.Contains(t, output, " 0 failed ")
		status := s.ok(t, mage, "deploy:status", "staging")
		assert.Equal(t, 2, strings.Count(status, place["V2"][:7]), status)
		assert.NotContains(t, status, "seal")
		assert.Contains(t, s.ok(t, mage, "deploy:history", "staging"), "deployed")

		elsewhere := shell{s.dir, append(slices.Clone(s.vars), "DEPLOY_LEDGER=s3://orders-state/ledger?region=eu-west-1")}
		for _, command := range [][]string{deploy, append(deploy, "-dryRun"), {"deploy:status", "staging"}, {"deploy:history", "staging"}} {
			assert.Contains(t, elsewhere.refuses(t, 1, mage, command...), "bucket orders-state is not in eu-west-1: name its region, eu-central-1, in the ledger's location: s3://orders-state/ledger?region=eu-central-1")
		}
		s.vars = append(s.vars, "SSH_KEY=", "SSH_AUTH_SOCK=")
		for _, command := range [][]string{deploy, {"deploy:status", "staging"}} {
			assert.Contains(t, s.refuses(t, 1, mage, command...), "neither a private key nor an SSH agent is given: set KeyFile, or start an agent (SSH_AUTH_SOCK): KeyFile is what -sshKey or SSH_KEY names\n")
		}
	})
	t.Run("tries itself", func(t *testing.T) {
		t.Parallel()
		output := newShell(t).ok(t, mage, "sandbox:run", "-environment=staging", "-instances=2")
		assert.Contains(t, output, "deployed 2/2 in ")
	})
}

// TestAnAdoptersProgram deploys with the 20 lines.
func TestAnAdoptersProgram(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "ship")
	inAdopter(t, "build", "-o", program, "./ship")
	for _, path := range strings.Fields(inAdopter(t, "list", "-deps", "./ship")) {
		for _, unneeded := range []string{"github.com/hashicorp/terraform", "github.com/growl-dev/deploy/infra", "github.com/growl-dev/deploy/sandbox", "github.com/magefile/"} {
			assert.False(t, strings.HasPrefix(path, unneeded), "the program compiles %s", path)
		}
	}
	s := newShell(t)
	assert.Contains(t, s.refuses(t, 2, program), `unknown environment "": want one of live, staging`)
	s.vars = append(s.vars, "ENVIRONMENT=staging")
	assert.Contains(t, s.refuses(t, 1, program), "staging.json does not exist")

	place, vars := startSandbox(t)
	s.write(t, "staging.json", readFile(t, place.FleetFile))
	s.write(t, ".ssh/known_hosts", readFile(t, vars["SSH_KNOWN_HOSTS"]))
	for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "POLICY"} {
		s.vars = append(s.vars, name+"="+vars[name])
	}
	s.vars = append(s.vars, "IMAGE_TAG="+place.V2, "SSH_AUTH_SOCK=")
	assert.Contains(t, s.refuses(t, 1, program), "neither a private key nor an SSH agent is given: set KeyFile")
	s.vars = append(s.vars, "SSH_KEY="+vars["SSH_KEY"])
	assert.Contains(t, s.ok(t, program), "deployed 2/2 in ")
	assert.Contains(t, s.ok(t, program), "unchanged")
}

// TestAnAdopterAddsTargets: a target of the magefile's own, and a namespace Deploy of another package that merges with
// the one of package targets.
func TestAnAdopterAddsTargets(t *testing.T) {
	t.Parallel()
	mage := compileMagefile(t, "more")
	s := newShell(t)
	listed := s.ok(t, mage, "-l")
	for _, target := range []string{"deploy:nightly", "deploy:to", "staging"} {
		assert.Contains(t, listed, "\n  "+target+" ")
	}
	assert.Contains(t, s.refuses(t, 2, mage, "deploy:nightly", "v2"), `"v2" is no target`)

	place, vars := startSandbox(t)
	for name, value := range vars {
		s.vars = append(s.vars, name+"="+value)
	}
	assert.Contains(t, s.ok(t, mage, "staging", place.V2, "-policy="+vars["POLICY"]), "deployed 2/2 in ")
	assert.Contains(t, s.ok(t, mage, "deploy:nightly", "-policy="+vars["POLICY"]), "unchanged", "latest is V2")
}

func TestAMagefileWithoutAService(t *testing.T) {
	t.Parallel()
	mage := compileMagefile(t, "undeclared")
	for _, target := range [][]string{{"deploy:to", "staging", "-tag=v2"}, {"deploy:status", "staging"}, {"sandbox:run"}, {"build"}, {"infra:plan", "staging"}} {
		assert.Contains(t, newShell(t).refuses(t, 2, mage, target...), "write `var _ = targets.Use(deploy.Service{…})` into the magefile")
	}
}
