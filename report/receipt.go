package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/growl-dev/deploy/rollout"
)

// Limits of a receipt: how much of a reason, and how many instances it names.
const (
	longestReason = 240
	mostNamed     = 5
)

// Receipt returns one or a few lines that say how the run ended: the state of the fleet, what clients noticed, and, if
// something has to be done, what that is.
func Receipt(d Document) string {
	d = d.cleaned()
	if d.Outcome == rollout.Deployed && d.Traffic != nil && !d.InDoubt && len(d.Newcomers) == 0 {
		return headline(d) + " · " + d.Traffic.String()
	}
	lines := []string{headline(d)}
	if d.Traffic != nil {
		lines = append(lines, "traffic: "+d.Traffic.String())
	}
	if ill := list(d, isNotHealthy, withHealth); ill != "" && d.Outcome != rollout.Interrupted {
		lines = append(lines, "not healthy: "+ill)
	}
	if len(d.Newcomers) > 0 {
		lines = append(lines, "not rolled: "+few(d.Newcomers)+": they may run other code")
	}
	if next := remedy(d); next != "" {
		lines = append(lines, "next: "+next)
	}
	return strings.Join(lines, "\n")
}

// headline returns a sentence on the state of the fleet.
func headline(d Document) string {
	release := Clean(d.Release.String())
	updated, all := counts(d)
	switch d.Outcome {
	case rollout.Deployed:
		return fmt.Sprintf("deployed %d/%d in %s%s", updated, all, elapsed(d), already(d))
	case rollout.UnchangedRun:
		return fmt.Sprintf("unchanged: %d/%d run %s already", updated, all, release)
	case rollout.Healed:
		return fmt.Sprintf("healed in %s: %s in service again", elapsed(d), named(d, isBack))
	case rollout.Skipped:
		return fmt.Sprintf("skipped: %s is older than what %s runs", release, d.Environment)
	case rollout.Refused:
		return fmt.Sprintf("refused: %s; no target was deregistered and no container changed", why(d))
	case rollout.RolledBack:
		return fmt.Sprintf("rolled back: %s %s; every instance runs what it ran before", release, failedOn(d))
	case rollout.Mixed:
		return fmt.Sprintf("mixed: %d/%d run %s (%s), the others what they ran before; it %s",
			updated, all, release, named(d, runsRelease), failedOn(d))
	case rollout.Orphaned:
		if !slices.ContainsFunc(d.Instances, isOutOfService) {
			return "not healed: " + why(d)
		}
		return fmt.Sprintf("out of service: %s; %d/%d run %s", orphans(d), updated, all, release)
	case rollout.Interrupted:
		return fmt.Sprintf("interrupted after %s: %d/%d run %s, the others what they ran before; %s",
			elapsed(d), updated, all, release, inService(d))
	default:
		return fmt.Sprintf("ended as %q: %s", Clean(string(d.Outcome)), why(d))
	}
}

// remedy returns what to do next; empty if all is well.
func remedy(d Document) string {
	if d.InDoubt && d.Outcome != rollout.Orphaned {
		return fmt.Sprintf("`mage deploy:heal %s`, or the next deploy, finishes what the run could not wait for", d.Environment)
	}
	switch d.Outcome {
	case rollout.Refused:
		return "mend that and run the same command again"
	case rollout.RolledBack:
		return "mend what failed: a release gets a tag of its own; if a setting of its container was wrong, deploy the same tag again"
	case rollout.Mixed:
		return "deploy this release again to finish, or the one before to go back; instances that run it already are left alone"
	case rollout.Orphaned:
		if !slices.ContainsFunc(d.Instances, isOutOfService) {
			return fmt.Sprintf("`mage deploy:heal %s` puts back what the run before left out of service; `mage deploy:status %[1]s` names it", d.Environment)
		}
		return fmt.Sprintf("look at %s: its containers and its target health; the next deploy takes it up first", named(d, isOutOfService))
	case rollout.Interrupted:
		return "run the same command again to finish; instances that run the release are left alone"
	default:
		return ""
	}
}

func elapsed(d Document) string { return short(since(d.Started, d.Finished)) }

func why(d Document) string {
	if d.Error == "" {
		return "no reason given"
	}
	return cut(d.Error, longestReason)
}

func runsRelease(i rollout.InstanceResult) bool {
	return i.Outcome == rollout.Updated || i.Outcome == rollout.Unchanged
}

func isBack(i rollout.InstanceResult) bool {
	return i.Outcome == rollout.Updated || i.Outcome == rollout.Restored
}

func isOutOfService(i rollout.InstanceResult) bool { return i.Outcome == rollout.OutOfService }

func isNotHealthy(i rollout.InstanceResult) bool { return i.NotHealthy != "" }

// inService returns the end of a sentence: that the fleet is in service, or which instances were not seen to be healthy.
func inService(d Document) string {
	if ill := list(d, isNotHealthy, withHealth); ill != "" {
		return "registered, not yet healthy: " + ill
	}
	return "the fleet is in service"
}

func withHealth(i rollout.InstanceResult) string {
	return fmt.Sprintf("%s (%s)", label(i), i.NotHealthy)
}

// counts returns how many instances run the release, and how many there are.
func counts(d Document) (updated, all int) {
	for _, i := range d.Instances {
		if runsRelease(i) {
			updated++
		}
	}
	return updated, len(d.Instances)
}

func already(d Document) string {
	n := 0
	for _, i := range d.Instances {
		if i.Outcome == rollout.Unchanged {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d ran it already)", n)
}

// failedOn returns where and why the release failed: "failed on i-1 (prove: …)".
func failedOn(d Document) string {
	failed := func(i rollout.InstanceResult) bool { return i.Error != "" && !runsRelease(i) }
	if !slices.ContainsFunc(d.Instances, failed) {
		return "failed: " + why(d)
	}
	return "failed on " + list(d, failed, withReason)
}

func orphans(d Document) string { return list(d, isOutOfService, withReason) }

func withReason(i rollout.InstanceResult) string {
	if i.Error == "" {
		return label(i)
	}
	return fmt.Sprintf("%s (%s)", label(i), cut(failure(i), longestReason))
}

func label(i rollout.InstanceResult) string { return Clean(i.ID) }

func named(d Document, which func(rollout.InstanceResult) bool) string {
	return list(d, which, label)
}

// list names the chosen instances, at most the first few.
func list(d Document, which func(rollout.InstanceResult) bool, word func(rollout.InstanceResult) string) string {
	var words []string
	for _, i := range d.Instances {
		if which(i) {
			words = append(words, word(i))
		}
	}
	return few(words)
}

// few joins the first words, and adds how many more there are.
func few(words []string) string {
	if more := len(words) - mostNamed; more > 0 {
		words = append(words[:mostNamed:mostNamed], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, ", ")
}
