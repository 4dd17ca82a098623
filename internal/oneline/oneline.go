// Package oneline puts joined errors on one line.
package oneline

import "strings"

// Error returns an error that wraps err and has its text on one line. It returns nil for nil.
func Error(err error) error {
	if err == nil || !strings.Contains(err.Error(), "\n") {
		return err
	}
	return &line{err}
}

type line struct{ err error }

func (l *line) Error() string { return strings.ReplaceAll(l.err.Error(), "\n", "; ") }
func (l *line) Unwrap() error { return l.err }
