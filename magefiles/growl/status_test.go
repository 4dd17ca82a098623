package growl_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/growl-dev/deploy/rollout"
)

// TestStatus runs a sequence of commands, and checks the status in between.
func TestStatus(t *testing.T) {
	needTime(t)
	t.Parallel()
	s := newStack(t)
	ids := []string{s.fleet.Instances[0].ID, s.fleet.Instances[1].ID, s.fleet.Instances[2].ID}
	v1, v2 := s.vars["V1"], s.vars["V2"]
	status := func() string { return s.ok("deploy:status", "dev") }

	output := status() // the Makefile's containers, and no seal yet
	assert.Contains(t, output, "dev: nobody deploys\n")
	for _, id := range ids {
		assert.Regexp(t, line(id, v1[:12], `20\d\d-\d\d-\d\d \d\d:\d\d UTC`, "healthy", "[0-9a-f]{12}", "stop grace 10s, not 30s; .*environment other than the env file's; .*is adopted"), output)
	}
	assert.Contains(t, output, "there is none: go tool mage env:seal writes it")
	assert.NotContains(t, output, "\x1b")

	s.ok("env:seal")
	s.ok(s.deploy(v2)...)
	output = status()
	for _, id := range ids {
		assert.Regexp(t, line(id, v2[:12], "UTC", "healthy", "sealed *")+"$", strings.TrimSpace(rowOf(output, id)))
	}
	assert.Len(t, strings.Split(strings.TrimSpace(output), "\n"), 5, "a fleet without differences gets no remark: %s", output)

	s.onInstance(2, canaryEnv+"MORE=1\n")
	output = status()
	assert.Regexp(t, line(ids[2], v2[:12], `NOT the sealed one \([0-9a-f]{12}\)`, "environment other than the env file's"), output)
	assert.Regexp(t, `(?m)^2 env files: [0-9a-f]{12} on `+ids[0]+", "+ids[1]+`; [0-9a-f]{12} on `+ids[2]+`$`, output)
	s.onInstance(2, canaryEnv)

	s.delay("3600") // what was taken out drains on while it is looked at
	run := guard(t, s.place).start(t, s.place, boundary{ids[1], rollout.StepStart, rollout.Begun}, true, nil, s.deploy(v1)...)
	assert.Equal(t, -1, run.end(t), "%s", run.text())
	output = status()
	assert.Regexp(t, `(?m)^dev: (held by run|run) \S+ of .*process \d+`, output)
	assert.Regexp(t, `(?m)^  (in flight|unfinished) since .*: `+v1[:12]+` \(`, output)
	assert.Regexp(t, `(?m)^  `+ids[1]+`: start begun at \d\d:\d\d:\d\d$`, output)
	assert.Regexp(t, line(ids[1], "nothing", "draining"), output)
	assert.Regexp(t, `(?m)^2 releases: [0-9a-f]{12} on `+ids[0]+`; [0-9a-f]{12} on `+ids[2]+`$`, output)
	s.requireNoCanary()
}

// line is a pattern of an instance's row.
func line(id string, columns ...string) string {
	return `(?m)^` + regexp.QuoteMeta(id) + ` .*` + strings.Join(columns, `.*`)
}

// rowOf is an instance's row.
func rowOf(output, id string) string {
	for _, l := range strings.Split(output, "\n") {
		if strings.HasPrefix(l, id) {
			return l
		}
	}
	return ""
}
