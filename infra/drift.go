package infra

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrDrift and ErrNotApplied match a DriftError with changes of that kind, by errors.Is.
var (
	ErrDrift      = errors.New("AWS was changed by hand")
	ErrNotApplied = errors.New("the code was changed and not applied")
)

// DriftError is the error of a run that was refused because AWS differs from the code.
type DriftError struct {
	Environment string
	Changes     []Change
	// OneByOne is set if an apply would take instances of one target group out of service together and is therefore
	// refused, so that only -oneByOne settles the changes.
	OneByOne bool
}

// Error names every change by its kind, and the command that settles it.
func (d *DriftError) Error() string {
	var parts []string
	for _, kind := range []Kind{Drift, NotApplied} {
		var changes []string
		for _, c := range d.Changes {
			if c.Kind == kind {
				changes = append(changes, c.String())
			}
		}
		if len(changes) > 0 {
			parts = append(parts, string(kind)+": "+strings.Join(changes, ", "))
		}
	}
	return fmt.Sprintf("%s is not as its Terraform configuration says: %s: %s", d.Environment, strings.Join(parts, "; "), strings.Join(d.remedies(), "; "))
}

func (d *DriftError) remedies() []string {
	var remedies []string
	at := slices.IndexFunc(d.Changes, Change.replacesGroup)
	switch {
	case at >= 0:
		remedies = append(remedies, fmt.Sprintf("set back what replaces %s, because AWS refuses to delete a target group that a listener uses", d.Changes[at].Address))
	case slices.ContainsFunc(d.Changes, Change.settled):
		turns := ""
		if d.OneByOne {
			turns = " -oneByOne"
		}
		remedies = append(remedies, fmt.Sprintf("look with go tool mage infra:plan %s, settle it with go tool mage infra:apply %[1]s%s, or change the code to what is there", d.Environment, turns))
	}
	did := func(action Action) bool {
		return slices.ContainsFunc(d.Changes, func(c Change) bool { return c.Action == action })
	}
	if did(CheckUnread) {
		remedies = append(remedies, fmt.Sprintf("see with go tool mage infra:plan %s why Terraform could not evaluate %s; reading the rules takes ec2:DescribeSecurityGroupRules", d.Environment, securityGroups))
	}
	if did(CheckFailed) {
		remedies = append(remedies, "remove the security group rule that "+securityGroups+" names by hand, or add it to the code, because an apply leaves it as it is")
	}
	return remedies
}

// Is matches ErrDrift and ErrNotApplied.
func (d *DriftError) Is(target error) bool {
	return slices.ContainsFunc(d.Changes, func(c Change) bool {
		return target == ErrDrift && c.Kind == Drift || target == ErrNotApplied && c.Kind == NotApplied
	})
}
