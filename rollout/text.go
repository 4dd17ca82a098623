package rollout

import (
	"fmt"
	"strings"
)

// oneLine returns the text of an error as one line. Semicolons separate joined errors.
func oneLine(err error) string {
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

// joinSteps lists steps in their order, with arrows between them.
func joinSteps(steps []StepName) string {
	words := make([]string, len(steps))
	for i, s := range steps {
		words[i] = string(s)
	}
	return strings.Join(words, " → ")
}

// firstFew lists at most three names, and how many more there are.
func firstFew(names []string) string {
	if more := len(names) - 3; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), more)
	}
	return strings.Join(names, ", ")
}

// countGroups returns in how many groups the targets are: "no target group", "1 target group" or "2 target groups".
func countGroups(targets []Target) string {
	groups := map[string]bool{}
	for _, t := range targets {
		groups[t.Group] = true
	}
	switch n := len(groups); n {
	case 0:
		return "no target group"
	case 1:
		return "1 target group"
	default:
		return fmt.Sprintf("%d target groups", n)
	}
}

// btoi returns 1 for true and 0 for false, so that booleans can be counted and compared.
func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
