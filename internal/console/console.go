// Package console is how mage targets print, and how their errors become exit codes.
//
// It is the only package of the targets that reaches standard output or error. Text from elsewhere, such as container
// logs, fleet files, names and errors of AWS, would otherwise reach terminals and GitHub's runner as it is.
package console

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/magefile/mage/mg"
	"golang.org/x/term"

	"github.com/growl-dev/deploy/report"
)

// Out and Err clean what is printed. The caller flushes what may not end in a line end.
func Out() *report.Writer { return report.NewWriter(os.Stdout) }

// Err is standard error; see [Out].
func Err() *report.Writer { return report.NewWriter(os.Stderr) }

// Screen is standard output for what cleans its own text, such as a live view.
func Screen() *os.File { return os.Stdout }

// Printf prints cleaned text on standard output.
func Printf(format string, args ...any) { fprintf(Out(), format, args...) }

// Warnf prints cleaned text on standard error.
func Warnf(format string, args ...any) { fprintf(Err(), format, args...) }

func fprintf(w *report.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
	_ = w.Flush()
}

// Cells joins the cells of a table's row. None of them can end the row or begin another cell.
func Cells(texts ...string) string {
	for n, text := range texts {
		texts[n] = report.Clean(text)
	}
	return strings.Join(texts, "\t")
}

// Commands prints workflow commands for GitHub's runner, the only text that it may take as such. Whoever makes them
// escapes what they hold.
func Commands(commands string) { fmt.Print(commands) }

// Run runs a command and shows what it prints, cleaned.
func Run(cmd *exec.Cmd) error {
	out, err := Out(), Err()
	cmd.Stdout, cmd.Stderr = out, err
	failed := cmd.Run()
	_, _ = out.Flush(), err.Flush()
	return failed
}

// Interactive reports whether somebody can answer a question.
func Interactive() bool { return term.IsTerminal(int(os.Stdin.Fd())) }

// Agree asks a question at the terminal, and fails unless the answer is the word. If there is no terminal, CI's approval
// was the answer.
func Agree(question, word string) error {
	if !Interactive() {
		return nil
	}
	Printf("%s Type %s to go on: ", question, word)
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil || strings.TrimSpace(answer) != word {
		return errors.New("not confirmed: nothing was touched")
	}
	return nil
}

// Passphrase reads the passphrase of an SSH key at the terminal.
func Passphrase() ([]byte, error) {
	if !Interactive() {
		return nil, errors.New("no terminal to ask for it: use an SSH agent")
	}
	Warnf("Passphrase of the SSH key: ")
	defer Warnf("\n")
	return term.ReadPassword(int(os.Stdin.Fd()))
}

// Usage is an error of the caller's: exit code 2.
func Usage(format string, args ...any) error { return mg.Fatalf(2, format, args...) }

// CleanError makes the error that a target returns fit to be printed. Every target defers it, because mage prints the
// error as it is.
func CleanError(err *error) {
	if *err != nil {
		*err = &cleanedError{err: *err}
	}
}

// cleanedError is an error whose text is cleaned. It keeps the exit code, which mage reads from the error itself.
type cleanedError struct{ err error }

func (e *cleanedError) Error() string   { return report.CleanLines(e.err.Error()) }
func (e *cleanedError) Unwrap() error   { return e.err }
func (e *cleanedError) ExitStatus() int { return mg.ExitStatus(e.err) }

// Said adds the last line that a failed program wrote to its error.
func Said(err error) error {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(exit.Stderr)), "\n")
	return fmt.Errorf("%w: %s", err, lines[len(lines)-1])
}
