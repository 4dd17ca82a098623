package upkeep

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDevDeploysForwardOnly: of two pushes close together, the older commit's job may come last.
func TestDevDeploysForwardOnly(t *testing.T) {
	dev := workflows(t)["deploy-dev-backend.yml"]
	assert.Regexp(t, `run: exec \./deploy-targets push -onlyForward\n`, dev)
	assert.Regexp(t, `run: exec \./deploy-targets deploy:dev -tag="\$IMAGE_TAG" -onlyForward `, dev)
	assert.Equal(t, strings.Count(dev, "uses: actions/checkout@"), strings.Count(dev, "          fetch-depth: 0 "), "a shallow checkout has no history to compare")
	assert.NotContains(t, workflows(t)["deploy-prod.yml"], "onlyForward", "prod is deployed by hand, also backwards")
}

// TestCIRunsWhatHasToPass compares ci.yml with the script that lists the checks that have to pass.
func TestCIRunsWhatHasToPass(t *testing.T) {
	script, err := os.ReadFile("../../.ci/run")
	require.NoError(t, err)
	ran := strings.Join(scripts(workflows(t)["ci.yml"]), "\n")
	commands := regexp.MustCompile(`(?m)^(?:go tool mage [^|\n]*|\.ci/\w+)`).FindAllString(string(script), -1)
	require.GreaterOrEqual(t, len(commands), 6, "the commands were not found")
	for _, command := range commands {
		assert.Regexp(t, `(?m)(^|\s)`+regexp.QuoteMeta(strings.TrimSpace(command))+`(\s|$)`, ran)
	}
	assert.Regexp(t, `sudo env "PATH=\$PATH" go tool mage test:e2e`, ran, "as root, because it makes hosts")
	assert.Contains(t, ran, `[ "$code" -eq 3 ]`, "a bad image has to be put back")
	for _, command := range []string{"terraform fmt -check", "terraform -chdir=$folder validate", "terraform -chdir=$folder test"} {
		assert.Contains(t, ran, command)
	}
}

// triggers reports whether a push that changes one file triggers a workflow with these path filters: of the patterns that
// match, the last one decides.
func triggers(t *testing.T, patterns []string, file string) bool {
	t.Helper()
	triggered := false
	for _, pattern := range patterns {
		name, excluded := strings.CutPrefix(pattern, "!")
		expression := regexp.QuoteMeta(name)
		for _, wild := range [][2]string{{`\*\*/`, "\x00"}, {`\*\*`, "\x01"}, {`\*`, "[^/]*"}, {"\x00", "(?:.*/)?"}, {"\x01", ".*"}} {
			expression = strings.ReplaceAll(expression, wild[0], wild[1])
		}
		matched, err := regexp.MatchString("^"+expression+"$", file)
		require.NoError(t, err)
		if matched {
			triggered = !excluded
		}
	}
	return triggered
}

// TestOnlyWhatCanChangeTheReleaseDeploys checks every file of the repository.
func TestOnlyWhatCanChangeTheReleaseDeploys(t *testing.T) {
	_, rest, found := strings.Cut(workflows(t)["deploy-dev-backend.yml"], "\n    paths:\n")
	require.True(t, found)
	filter, _, _ := strings.Cut(rest, "\n\n")
	var patterns []string
	for _, pattern := range regexp.MustCompile(`(?m)^ +- "(.+)"$`).FindAllStringSubmatch(filter, -1) {
		patterns = append(patterns, pattern[1])
	}
	require.Greater(t, len(patterns), 10)

	for file, want := range map[string]bool{
		"growl-backend/server.go": true, "growl-backend/Dockerfile": true, "growl-backend/go.mod": true, "go.sum": true,
		"growl-backend/terraform/known_hosts": true, "growl-backend/terraform/env-dev.sha256": true,
		"rollout/run.go": true, "deploy.go": true, "magefiles/magefile.go": true, "magefiles/targets/use.go": true, "internal/console/console.go": true, ".github/workflows/deploy-dev-backend.yml": true,
		"README.md": false, "docs/ci.md": false, "growl-backend/terraform/README.md": false, ".github/workflows/ci.yml": false,
		"rollout/run_test.go": false, "growl-backend/server_test.go": false, "e2e/doc.go": false, "sandbox/build.go": false,
		"infra/testdata/plans/env.json": false, "internal/tftest/tftest.go": false, "internal/bench/bench.go": false, "magefiles/upkeep/lint.go": false, "internal/sshtest/keys.go": false, "internal/sshserver/server.go": false,
		"growl-backend/terraform/tests/dev.tftest.hcl": false, "tools/go.mod": false, "renovate.json": false, ".ci/run": false,
	} {
		assert.Equal(t, want, triggers(t, patterns, file), file)
	}

	// What the deploy and the service are compiled from triggers, and no test does.
	seen := 0
	for _, at := range []struct{ folder, prefix string }{{"../..", ""}, {"../../growl-backend", "growl-backend/"}} {
		packages := []string{".", "./infra", "./internal/commandline", "./internal/console"}
		if at.prefix != "" {
			packages = []string{"."}
		}
		list := exec.Command("go", append([]string{"list", "-deps", "-f",
			`{{if .Module}}{{if .Module.Main}}{{$p := .ImportPath}}{{range .GoFiles}}{{$p}}/{{.}}{{"\n"}}{{end}}{{range .EmbedFiles}}{{$p}}/{{.}}{{"\n"}}{{end}}{{end}}{{end}}`}, packages...)...)
		list.Dir = at.folder
		out, err := list.Output()
		require.NoError(t, err)
		for line := range strings.FieldsSeq(string(out)) {
			file := strings.TrimPrefix(line, "github.com/growl-dev/deploy/")
			assert.True(t, triggers(t, patterns, file), "%s is compiled in, and a change of it deploys nothing", file)
			seen++
		}
	}
	require.Greater(t, seen, 100)
	tracked, err := exec.Command("git", "-C", "../..", "ls-files").Output()
	if err != nil {
		t.Skip("not a git checkout")
	}
	for file := range strings.Lines(string(tracked)) {
		file = strings.TrimSpace(file)
		if strings.HasSuffix(file, "_test.go") || strings.Contains(file, "/testdata/") {
			assert.False(t, triggers(t, patterns, file), "%s is a test's", file)
		}
	}
}
