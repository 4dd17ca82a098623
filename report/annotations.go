package report

import (
	"fmt"
	"strings"

	"github.com/growl-dev/deploy/rollout"
)

// mostAnnotated is the number of error annotations per step that GitHub shows.
const mostAnnotated = 10

// Annotations returns the run's errors as GitHub's workflow commands, one on each line. When a step prints them they
// become annotations of the job. A run that ended well has none.
func Annotations(d Document) string {
	d = d.cleaned()
	if d.Outcome.ExitCode() == 0 {
		return ""
	}
	title := fmt.Sprintf("%s: %s", Clean(d.Environment), Clean(string(d.Outcome)))
	lines := []string{annotation(title, Receipt(d))}
	all := troubles(d)
	for n, trouble := range all {
		if left := len(all) - n; len(lines) == mostAnnotated-1 && left > 1 {
			lines = append(lines, annotation(title, fmt.Sprintf("and %d more, see the report", left)))
			break
		}
		lines = append(lines, annotation(trouble.Who, trouble.What))
	}
	return strings.Join(lines, "\n") + "\n"
}

// trouble describes what went wrong on an instance, or in the whole run.
type trouble struct{ Who, What string }

// troubles returns the run's errors, the worst instances first.
func troubles(d Document) []trouble {
	var lost, others []trouble
	for _, i := range d.Instances {
		switch {
		case i.Error == "":
		case i.Outcome == rollout.OutOfService:
			lost = append(lost, trouble{instanceName(i), "out of service: " + failure(i)})
		default:
			others = append(others, trouble{instanceName(i), Clean(string(i.Outcome)) + ": " + failure(i)})
		}
	}
	all := append(lost, others...)
	if len(all) == 0 && d.Error != "" {
		all = append(all, trouble{"run", Clean(d.Error)})
	}
	return all
}

// Masks returns values as GitHub's workflow commands, one on each line, which make the runner mask them in everything
// that the job prints afterwards. The runner prints none of the commands.
func Masks(values []string) string {
	var b strings.Builder
	for _, value := range values {
		b.WriteString("::add-mask::" + commandData(value) + "\n")
	}
	return b.String()
}

// commandData escapes percent signs and line ends, as the data of a command requires.
func commandData(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(text)
}

// annotation returns one workflow command. In its title it also escapes the characters that end a property.
func annotation(title, message string) string {
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	return "::error title=" + property.Replace(title) + "::" + commandData(message)
}
