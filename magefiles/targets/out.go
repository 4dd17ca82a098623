package targets

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/magefile/mage/mg"

	"github.com/growl-dev/deploy/report"
)

// This file holds everything that targets print with. Text from elsewhere, such as
// container logs, fleet files, names and errors of AWS, would otherwise reach terminals
// and GitHub's runner as it is.

// stdout and stderr clean what is printed. The caller flushes what may not end in a line
// end.
func stdout() *report.Writer { return report.NewWriter(os.Stdout) }
func stderr() *report.Writer { return report.NewWriter(os.Stderr) }

// printf prints cleaned text on standard output.
func printf(format string, args ...any) { fprintf(stdout(), format, args...) }

// warnf prints cleaned text on standard error.
func warnf(format string, args ...any) { fprintf(stderr(), format, args...) }

func fprintf(w *report.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
	_ = w.Flush()
}

// cells joins the cells of a table's row. None of them can end the row or begin another
// cell.
func cells(texts ...string) string {
	for n, text := range texts {
		texts[n] = report.Clean(text)
	}
	return strings.Join(texts, "\t")
}

// printCommands prints workflow commands for GitHub's runner, the only text that it may
// take as such. Whoever makes them escapes what they hold.
func printCommands(commands string) { fmt.Print(commands) }

// newScreen returns the view of a run that suits standard output.
func newScreen(o report.Options) report.Reporter { return report.New(os.Stdout, o) }

// runShown runs a command and shows what it prints, cleaned.
func runShown(cmd *exec.Cmd) error {
	out, err := stdout(), stderr()
	cmd.Stdout, cmd.Stderr = out, err
	failed := cmd.Run()
	_, _ = out.Flush(), err.Flush()
	return failed
}

// cleanError makes the error that a target returns fit to be printed. Every target
// defers it, because mage prints the error as it is.
func cleanError(err *error) {
	if *err != nil {
		*err = &cleanedError{err: *err}
	}
}

// cleanedError is an error whose text is cleaned. It keeps the exit code, which mage
// reads from the error itself.
type cleanedError struct{ err error }

func (e *cleanedError) Error() string   { return report.CleanLines(e.err.Error()) }
func (e *cleanedError) Unwrap() error   { return e.err }
func (e *cleanedError) ExitStatus() int { return mg.ExitStatus(e.err) }
