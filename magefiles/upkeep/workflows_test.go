package upkeep

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// workflows are the texts of GitHub's workflows by their file names.
func workflows(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("../../.github/workflows/*.yml")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	texts := map[string]string{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		texts[filepath.Base(path)] = string(content)
	}
	return texts
}

func TestActionsArePinned(t *testing.T) {
	uses := regexp.MustCompile(`(?m)^\s*(?:- )?uses: *(.*)$`)
	pinned := regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	pins := map[string]string{}
	for name, text := range workflows(t) {
		for _, use := range uses.FindAllStringSubmatch(text, -1) {
			assert.Regexp(t, pinned, use[1], name)
			action, pin, _ := strings.Cut(use[1], "@")
			if first, seen := pins[action]; seen {
				assert.Equal(t, first, pin, "%s in %s is another one elsewhere", action, name)
			}
			pins[action] = pin
		}
	}
	assert.NotEmpty(t, pins)
}

// TestInputsReachTheShellByTheEnvironment: what is expanded into a script is run.
func TestInputsReachTheShellByTheEnvironment(t *testing.T) {
	seen := 0
	for name, text := range workflows(t) {
		for _, script := range scripts(text) {
			seen++
			assert.NotContains(t, script, "${{", name)
		}
	}
	assert.Greater(t, seen, 10, "the scripts were not found")
}

// scripts are the values of all run keys: the rest of the line, and what is
// indented more than the key.
func scripts(text string) []string {
	var found []string
	key := regexp.MustCompile(`^(\s*(?:- )?)run: *(.*)$`)
	lines := strings.Split(text, "\n")
	for n, line := range lines {
		m := key.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		script := m[2]
		for _, below := range lines[n+1:] {
			if strings.TrimSpace(below) != "" && len(below)-len(strings.TrimLeft(below, " ")) <= len(m[1]) {
				break
			}
			script += "\n" + below
		}
		found = append(found, script)
	}
	return found
}

func TestWorkflowsMayDoLittle(t *testing.T) {
	for name, text := range workflows(t) {
		assert.Contains(t, text, "\npermissions: {}\n", "%s grants something to all its jobs", name)
		assert.NotContains(t, text, ": write-all", name)
		assert.NotRegexp(t, `(?i)aws[-_]?secret|aws[-_]access[-_]key`, text, "%s takes stored AWS keys", name)
		checkouts := strings.Count(text, "uses: actions/checkout@")
		assert.Equal(t, checkouts, strings.Count(text, "persist-credentials: false"), "%s leaves a token in the checkout", name)
	}
}

// TestDeployStepsGetTheSignals: a cancelled job's signals reach the step's first
// process only, so that has to be the targets' program.
func TestDeployStepsGetTheSignals(t *testing.T) {
	seen := 0
	for name, text := range workflows(t) {
		for _, script := range scripts(text) {
			if strings.Contains(script, "deploy:") {
				seen++
				assert.Regexp(t, `^exec \./deploy-targets deploy:\S+ ?[^\n]*\s*$`, script, name)
			}
		}
	}
	assert.Equal(t, 4, seen, "a deploy and a heal for each environment")
}

func TestTheDeployJobsQueueAndHeal(t *testing.T) {
	for name, environment := range map[string]string{"deploy-dev-backend.yml": "dev", "deploy-prod.yml": "prod"} {
		text := workflows(t)[name]
		_, job, found := strings.Cut(text, "\n  deploy:\n")
		require.True(t, found, "%s has no job deploy", name)
		assert.Equal(t, 1, strings.Count(text, "concurrency:"), "%s: the deploy job alone queues", name)
		assert.Contains(t, job, "concurrency:\n      group: deploy-"+environment+"\n      cancel-in-progress: false\n", name)
		assert.Regexp(t, `if: always\(\)[^\n]*\n\s+run: exec \./deploy-targets deploy:heal `+environment+`\n`, job, name)
		assert.Regexp(t, `if: always\(\)\n\s+run: rm -rf "\$RUNNER_TEMP/ssh" growl-backend/terraform/\.env\.`+environment+`\n$`, job, "%s leaves secrets behind", name)
	}
}

// TestTheWorkflowsMask: the values are masked in the step that writes the env file, before
// anything can print them.
func TestTheWorkflowsMask(t *testing.T) {
	for name, environment := range map[string]string{"deploy-dev-backend.yml": "dev", "deploy-prod.yml": "prod"} {
		writes := 0
		for _, script := range scripts(workflows(t)[name]) {
			if _, after, ok := strings.Cut(script, ">growl-backend/terraform/.env."+environment+"\n"); ok {
				writes++
				assert.Regexp(t, `(?m)^\s+\./deploy-targets env:mask `+environment+`$`, after, name)
			}
		}
		assert.Equal(t, 1, writes, name)
	}
}
