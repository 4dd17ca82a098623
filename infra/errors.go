package infra

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/growl-dev/deploy/internal/awsauth"
)

// failed turns an error of Terraform into one line, because Terraform prints pages.
func (e *Environment) failed(doing string, err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s %s: broken off: %w", doing, e.name, brief{"terraform was interrupted and has ended", err})
	default:
		return fmt.Errorf("%s %s: %w", doing, e.name, brief{e.explain(err.Error()), err})
	}
}

// brief is an error with a short text. It wraps the long one.
type brief struct {
	text string
	err  error
}

func (t brief) Error() string { return t.text }
func (t brief) Unwrap() error { return t.err }

// explain returns the errors in Terraform's output, the first two of them.
func (e *Environment) explain(text string) string {
	if id, holder := lockOf(text); id != "" {
		return fmt.Sprintf("the state is locked%s: wait for it, or, once nothing runs there any more: cd %s && TF_DATA_DIR=%s terraform force-unlock %s", holder, e.dir, e.dataDir, id)
	}
	switch words := strings.Join(strings.Fields(text), " "); {
	case strings.Contains(words, "failed to get shared config profile"):
		return awsauth.NoProfile(awsauth.Profile())
	case strings.Contains(words, "cached SSO token"):
		return awsauth.NotLoggedIn(awsauth.Profile())
	case strings.Contains(words, "No valid credential sources found"):
		return awsauth.None(awsauth.Profile())
	}
	blocks := strings.Split("\n"+text, "\nError: ")[1:]
	if len(blocks) == 0 {
		return strings.Join(strings.Fields(text), " ")
	}
	var errs []string
	for _, block := range blocks[:min(len(blocks), 2)] {
		errs = append(errs, diagnostic(block))
	}
	return strings.Join(errs, "; ")
}

// diagnostic returns the summary of an error and the first paragraph of its detail. It skips indented paragraphs,
// because those quote the configuration.
func diagnostic(block string) string {
	summary, rest, _ := strings.Cut(block, "\n\n")
	line := strings.Join(strings.Fields(summary), " ")
	for _, paragraph := range strings.Split(rest, "\n\n") {
		if strings.HasPrefix(paragraph, " ") || strings.TrimSpace(paragraph) == "" {
			continue
		}
		return line + ": " + strings.Join(strings.Fields(paragraph), " ")
	}
	return line
}

var lockField = regexp.MustCompile(`(?m)^\s+(ID|Who|Operation|Created):\s+(.+?)\s*$`)

// lockOf returns the ID and the holder of the lock in an error about a locked state.
func lockOf(text string) (id, holder string) {
	_, info, locked := strings.Cut(text, "\nLock Info:\n")
	if !locked {
		return "", ""
	}
	fields := map[string]string{}
	for _, match := range lockField.FindAllStringSubmatch(info, -1) {
		fields[match[1]] = match[2]
	}
	if fields["Who"] != "" {
		holder = fmt.Sprintf(" by %s since %s", fields["Who"], fields["Created"])
	}
	return fields["ID"], holder
}
