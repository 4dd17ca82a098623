package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/growl-dev/deploy/rollout"
)

// InstanceStatus describes what one instance runs.
type InstanceStatus struct {
	Instance rollout.Instance
	// Health is the health of the instance's targets.
	Health rollout.Health
	State  rollout.State
	// EnvSeal is the SHA-256 of the env file. Empty: it could not be read, or there is none.
	EnvSeal string
	// Differs are the differences that the next rollout would remove.
	Differs []string
	// Err is the reason why the instance could not be read. Nil: it was read.
	Err error
}

// minute is the layout in which people read a moment.
const minute = "2006-01-02 15:04 UTC"

// Instances writes what instances run as a plain table, the same in a terminal and in a log. seal is the one that their
// env files must have; empty: there is none to compare with. Text from elsewhere is cleaned.
func Instances(w io.Writer, instances []InstanceStatus, seal string) error {
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "INSTANCE\tNAME\tZONE\tRUNS\tCOMMIT\tSINCE\tTARGET HEALTH\tENV FILE\tDIFFERENCES")
	for _, i := range instances {
		fmt.Fprintln(table, Cells(
			i.Instance.ID, i.Instance.Name, i.Instance.Zone, i.runs(), fmt.Sprintf("%.12s", i.State.Release.Commit), i.since(),
			i.Health.String(), i.env(seal), i.differences(),
		))
	}
	return table.Flush()
}

func (i InstanceStatus) runs() string {
	switch {
	case i.Err != nil && i.State.InstanceID == "":
		return "unknown"
	case !i.State.Running:
		return "nothing"
	default:
		return i.State.Release.String()
	}
}

func (i InstanceStatus) since() string {
	if !i.State.Running || i.State.Since.IsZero() {
		return ""
	}
	return i.State.Since.UTC().Format(minute)
}

// env returns a word that says whether the instance's env file is the sealed one. A service without an env file has none.
func (i InstanceStatus) env(seal string) string {
	switch has := i.EnvSeal; {
	case has == "" && i.Err != nil:
		return "unknown"
	case has == "":
		return "none"
	case seal == "":
		return fmt.Sprintf("%.12s", has)
	case seal == has:
		return "sealed"
	default:
		return fmt.Sprintf("NOT the sealed one (%.12s)", has)
	}
}

// differences returns the differences that the next rollout would remove, and anything else that is unusual.
func (i InstanceStatus) differences() string {
	all := slices.Concat(i.Differs, i.State.Remarks)
	if i.Err != nil {
		all = append(all, strings.ReplaceAll(i.Err.Error(), "\n", "; "))
	}
	return strings.Join(all, "; ")
}

// Cells joins the cells of a table's row. None of them can end the row or begin another cell.
func Cells(texts ...string) string {
	for n, text := range texts {
		texts[n] = Clean(text)
	}
	return strings.Join(texts, "\t")
}

// Disagreements returns a sentence for each difference between instances in their release or env file.
func Disagreements(instances []InstanceStatus) []string {
	return append(
		compare(instances, "releases", func(i InstanceStatus) string { return i.State.Release.String() }),
		compare(instances, "env files", func(i InstanceStatus) string { return fmt.Sprintf("%.12s", i.EnvSeal) })...)
}

// compare lists which instances have which value, unless all that were read have the same.
func compare(instances []InstanceStatus, what string, of func(InstanceStatus) string) []string {
	have := map[string][]string{}
	var order []string
	for _, i := range instances {
		if i.Err != nil || !i.State.Running {
			continue
		}
		value := of(i)
		if have[value] == nil {
			order = append(order, value)
		}
		have[value] = append(have[value], i.Instance.ID)
	}
	if len(order) < 2 {
		return nil
	}
	var parts []string
	for _, value := range order {
		parts = append(parts, value+" on "+strings.Join(have[value], ", "))
	}
	return []string{fmt.Sprintf("%d %s: %s", len(order), what, strings.Join(parts, "; "))}
}
