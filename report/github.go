package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/growl-dev/deploy/rollout"
)

// GitHub returns the run as Markdown for a job's page: the receipt, a table of the instances with the time that each
// step took, and what went wrong. It is made to be appended to the file that GITHUB_STEP_SUMMARY names, and ends with
// an empty line. Text from elsewhere cannot change its structure.
func GitHub(d Document) string {
	d = d.cleaned()
	var b strings.Builder
	fmt.Fprintf(&b, "### %s: %s\n\n", markdown(d.Environment), markdown(d.Release.String()))
	for line := range strings.SplitSeq(Receipt(d), "\n") {
		fmt.Fprintf(&b, "%s\n\n", markdown(line))
	}
	if len(d.Instances) > 0 {
		writeTable(&b, d.Instances)
	}
	for _, trouble := range troubles(d) {
		fmt.Fprintf(&b, "- **%s**: %s\n", markdown(trouble.Who), markdown(trouble.What))
	}
	for _, remark := range d.Remarks {
		fmt.Fprintf(&b, "- %s\n", markdown(remark))
	}
	fmt.Fprintf(&b, "\nRun %s", markdown(d.Run))
	if commit := Clean(d.Release.Commit); commit != "" {
		fmt.Fprintf(&b, ", commit %s", markdown(commit))
	}
	b.WriteString("\n\n")
	return b.String()
}

// writeTable writes a row for each instance and a column for each step that any of them reached.
func writeTable(b *strings.Builder, instances []rollout.InstanceResult) {
	steps := taken(instances)
	head := []string{"instance", "zone", "outcome"}
	for _, step := range steps {
		head = append(head, string(step))
	}
	writeRow(b, append(head, "put back", "total"))
	writeRow(b, slices.Repeat([]string{"---"}, len(head)+2))
	for _, i := range instances {
		row := []string{markdown(instanceName(i)), markdown(i.Zone), markdown(string(i.Outcome))}
		for _, step := range steps {
			row = append(row, spent(i, func(s rollout.StepResult) bool { return s.Name == step && !s.Undo }))
		}
		putBack := spent(i, func(s rollout.StepResult) bool { return s.Undo })
		writeRow(b, append(row, putBack, spent(i, func(rollout.StepResult) bool { return true })))
	}
	b.WriteString("\n")
}

func writeRow(b *strings.Builder, cells []string) {
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

// taken returns the steps that any instance reached, in the order of the table.
func taken(instances []rollout.InstanceResult) []rollout.StepName {
	return slices.DeleteFunc(rollout.Steps(), func(name rollout.StepName) bool {
		return !slices.ContainsFunc(instances, func(i rollout.InstanceResult) bool {
			return slices.ContainsFunc(i.Steps, func(s rollout.StepResult) bool { return s.Name == name && !s.Undo })
		})
	})
}

// spent returns the total time of an instance's chosen steps; empty if it reached none of them.
func spent(i rollout.InstanceResult, which func(rollout.StepResult) bool) string {
	var sum time.Duration
	any := false
	for _, s := range i.Steps {
		if which(s) {
			any = true
			sum += since(s.Started, s.Finished)
		}
	}
	if !any {
		return ""
	}
	return short(sum)
}

// instanceName returns an instance's name with its ID, or only the ID if it has no name.
func instanceName(i rollout.InstanceResult) string {
	if i.Name == "" {
		return Clean(i.ID)
	}
	return Clean(i.Name) + " (" + Clean(i.ID) + ")"
}

// markdown escapes a text so that it is shown as it is, also in a table's cell, without markup, HTML or mentions.
func markdown(text string) string { return markdownEscapes().Replace(Clean(text)) }

func markdownEscapes() *strings.Replacer {
	pairs := []string{"&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "&#64;"}
	for _, mark := range "\\`*_{}[]()#+-!|~" {
		pairs = append(pairs, string(mark), `\`+string(mark))
	}
	return strings.NewReplacer(pairs...)
}
