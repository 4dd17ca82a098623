// Package console prints for mage targets, and turns their errors into exit codes.
//
// Of the packages of the targets, only this one writes to standard output and error, because it cleans the text.
// Otherwise foreign text, such as container logs, fleet files, names and errors of AWS, would reach terminals and
// GitHub's runner unchanged.
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

// Out returns standard output, with cleaned text. The caller flushes text that may not end in a line end.
func Out() *report.Writer { return report.NewWriter(os.Stdout) }

// Err returns standard error; see [Out].
func Err() *report.Writer { return report.NewWriter(os.Stderr) }

// Screen returns standard output for code that cleans its own text, such as a live view.
func Screen() *os.File { return os.Stdout }

// Printf prints cleaned text on standard output.
func Printf(format string, args ...any) { fprintf(Out(), format, args...) }

// Warnf prints cleaned text on standard error.
func Warnf(format string, args ...any) { fprintf(Err(), format, args...) }

func fprintf(w *report.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
	_ = w.Flush()
}

// Commands prints workflow commands for GitHub's runner, the only text that it should run as such. The caller escapes
// their values.
func Commands(commands string) { fmt.Print(commands) }

// Run runs a command and prints its output, cleaned.
func Run(cmd *exec.Cmd) error {
	out, err := Out(), Err()
	cmd.Stdout, cmd.Stderr = out, err
	failed := cmd.Run()
	_, _ = out.Flush(), err.Flush()
	return failed
}

// Interactive reports whether standard input is a terminal, so that a person can answer a question.
func Interactive() bool { return term.IsTerminal(int(os.Stdin.Fd())) }

// Agree prints a question at the terminal, and returns an error unless the answer is the word. Without a terminal it
// returns nil, because CI's approval has already confirmed the command.
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
		return nil, errors.New("there is no terminal to read it from: use an SSH agent")
	}
	Warnf("Passphrase of the SSH key: ")
	defer Warnf("\n")
	return term.ReadPassword(int(os.Stdin.Fd()))
}

// Usage returns an error for a wrong command, with exit code 2.
func Usage(format string, args ...any) error { return mg.Fatalf(2, format, args...) }

// CleanError cleans the error that a target returns. Every target defers it, because mage prints the error unchanged.
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

// WithLastLine adds the last line of a failed program's standard error to its error.
func WithLastLine(err error) error {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(exit.Stderr)), "\n")
	return fmt.Errorf("%w: %s", err, lines[len(lines)-1])
}
