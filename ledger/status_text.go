package ledger

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// String returns who holds the environment and which runs did not finish, for people, in a few lines with their line ends.
func (s Status) String() string {
	var b strings.Builder
	s.print(&b)
	return b.String()
}

func (s Status) print(w io.Writer) {
	name := s.Environment
	if s.Before != "" {
		fmt.Fprintln(w, legible(s.Refusal().Error()))
		return
	}
	switch {
	case s.Lease == nil:
		fmt.Fprintf(w, "%s: nobody deploys\n", name)
	case s.Running():
		fmt.Fprintf(w, "%s: held by %s, until %s unless renewed\n", name, legible(s.Lease.Holder.String()), s.Lease.Ends.UTC().Format(time.TimeOnly))
		printRun(w, "in flight", s.Lease.Run)
	default:
		fmt.Fprintf(w, "%s: %s died; `mage deploy:heal %s` puts back what it left\n", name, legible(s.Lease.Holder.String()), name)
		printRun(w, "unfinished", s.Lease.Run)
	}
	for _, run := range s.Unfinished {
		fmt.Fprintf(w, "%s: %s did not finish; `mage deploy:heal %s` puts back what it left\n", name, legible(run.Holder.String()), name)
		printRun(w, "unfinished", run)
	}
}

// printRun writes the release of a run, and the step that it recorded last for each instance that it took out of service.
func printRun(w io.Writer, what string, run Run) {
	release := run.Release.String()
	if run.Release.Image == "" {
		release = "no release"
	}
	fmt.Fprintf(w, "  %s since %s: %s\n", what, run.Began.UTC().Format("2006-01-02 15:04 UTC"), legible(release))
	last := lastEntries(run)
	for _, id := range InFlight([]Run{run}) {
		e := last[id]
		fmt.Fprintf(w, "  %s: %s %s at %s\n", legible(id), e.Step, e.Mark, e.Time.UTC().Format(time.TimeOnly))
	}
}

// legible replaces the characters of a foreign text that cannot be printed, so that it stays on its line.
func legible(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}
