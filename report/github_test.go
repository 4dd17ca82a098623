package report

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/rollout"
)

// took is a step of so many seconds.
func took(name rollout.StepName, seconds int) rollout.StepResult {
	return rollout.StepResult{Name: name, Started: began, Finished: began.Add(time.Duration(seconds) * time.Second)}
}

func undone(name rollout.StepName, seconds int) rollout.StepResult {
	step := took(name, seconds)
	step.Undo = true
	return step
}

func TestGitHub(t *testing.T) {
	first := updated("i-0a")
	first.Name = "web-1"
	first.Steps = []rollout.StepResult{took(rollout.StepPrepare, 3), took(rollout.StepDrain, 71)}
	second := ended("i-0b", rollout.Restored, "prove: exited | with 2")
	second.Steps = []rollout.StepResult{took(rollout.StepDrain, 60), undone(rollout.StepDrain, 2), undone(rollout.StepDeregister, 9)}
	third := ended("i-0c", rollout.Pending, "")
	d := document(rollout.Mixed, first, second, third)
	d.Traffic = &probe.Receipt{Requests: 9120, LongestGap: 11 * time.Millisecond}
	d.Remarks = []string{"no alarms are named"}

	assert.Equal(t, `### dev: v2 \(abababababab\)

mixed: 1/3 run v2 \(abababababab\) \(i\-0a\), the others what they ran before; it failed on i\-0b \(prove: exited \| with 2\)

traffic: 9120 requests · 0 failed · longest gap 11ms

next: deploy this release again to finish, or the one before to go back; instances that run it already are left alone

| instance | zone | outcome | prepare | drain | put back | total |
| --- | --- | --- | --- | --- | --- | --- |
| web\-1 \(i\-0a\) | us\-west\-1a | updated | 3s | 1m11s |  | 1m14s |
| i\-0b | us\-west\-1a | restored |  | 1m0s | 11s | 1m11s |
| i\-0c | us\-west\-1a | pending |  |  |  |  |

- **i\-0b**: restored: prove: exited \| with 2
- no alarms are named

Run 20260102T030405Z\-beef, commit abc123

`, GitHub(d))
}

func TestGitHubOfARefusal(t *testing.T) {
	d := document(rollout.Refused)
	d.Error = "gate drift: <b>2</b> resources differ, cc @admins"
	text := GitHub(d)
	assert.NotContains(t, text, "| instance", "there is no instance to show")
	assert.Contains(t, text, "&lt;b&gt;2&lt;/b&gt; resources differ, cc &#64;admins")
}

func TestAnnotations(t *testing.T) {
	assert.Empty(t, Annotations(document(rollout.Deployed, updated("i-0a"))))
	assert.Empty(t, Annotations(document(rollout.UnchangedRun)))

	d := document(rollout.Orphaned,
		ended("i-0b", rollout.Restored, "pull: 50% of disk left"), ended("i-0a", rollout.OutOfService, "died\r\n::error::forged"))
	lines := strings.Split(strings.TrimSuffix(Annotations(d), "\n"), "\n")
	require.Len(t, lines, 3)
	assert.True(t, strings.HasPrefix(lines[0], "::error title=dev%3A orphaned::out of service: i-0a"), lines[0])
	assert.Contains(t, lines[0], "%0Anext: look at i-0a")
	assert.Equal(t, "::error title=i-0a::out of service: died ::error::forged", lines[1])
	assert.Equal(t, "::error title=i-0b::restored: pull: 50%25 of disk left", lines[2])

	refused := document(rollout.Refused)
	refused.Error = "no AWS credentials"
	assert.Contains(t, Annotations(refused), "\n::error title=run::no AWS credentials\n")
}

func TestAnnotationEscapes(t *testing.T) {
	assert.Equal(t, "::error title=a%3A%2Cb%25%0D%0A::c:,d%25%0D%0A", annotation("a:,b%\r\n", "c:,d%\r\n"))
}

func TestAnnotationsOfALargeFleet(t *testing.T) {
	fleet := func(n int) Document {
		var instances []rollout.InstanceResult
		for i := range n {
			instances = append(instances, ended(fmt.Sprintf("i-%d", i), rollout.OutOfService, "gone"))
		}
		return document(rollout.Orphaned, instances...)
	}
	for n, want := range map[int]int{8: 9, 9: 10, 10: 10, 100: 10} {
		assert.Equal(t, want, strings.Count(Annotations(fleet(n)), "\n"), "%d instances", n)
	}
	assert.NotContains(t, Annotations(fleet(9)), "more, see")
	assert.Contains(t, Annotations(fleet(10)), "::and 2 more, see the report\n")
}

func FuzzGitHub(f *testing.F) {
	f.Add("i-0a", "a | b\n| c |")
	f.Add("::error::", "%0A\r\n::stop-commands::x")
	f.Add("<script>", "`](x) **b** @me &lt;")
	command := regexp.MustCompile(`^::error title=[^:,\r\n]*::[^\r\n]*$`)
	f.Fuzz(func(t *testing.T, id, why string) {
		d := document(rollout.Mixed, ended(id, rollout.Restored, why))
		d.Remarks = []string{why}
		for line := range strings.SplitSeq(strings.TrimSuffix(Annotations(d), "\n"), "\n") {
			if !command.MatchString(line) {
				t.Errorf("%q is not a workflow command", line)
			}
		}
		var table []string
		for line := range strings.SplitSeq(GitHub(d), "\n") {
			if strings.HasPrefix(line, "|") {
				table = append(table, line)
			}
			if strings.ContainsAny(line, "<>@\r") {
				t.Errorf("%q is not escaped", line)
			}
		}
		if len(table) != 3 || pipes(table[0]) != pipes(table[2]) {
			t.Errorf("the table has another form: %q", table)
		}
	})
}

// pipes counts the bars that part a row's cells.
func pipes(row string) int {
	return strings.Count(row, "|") - strings.Count(row, `\|`)
}
