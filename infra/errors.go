package infra

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// failed words an error of terraform's: it prints pages, and a user reads a line.
func (e *Environment) failed(doing string, err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s %s: broken off: %w", doing, e.name, brief{"terraform was interrupted and has ended", err})
	default:
		return fmt.Errorf("%s %s: %w", doing, e.name, brief{e.explain(err.Error()), err})
	}
}

// brief says in a line what err says at length.
type brief struct {
	text string
	err  error
}

func (t brief) Error() string { return t.text }
func (t brief) Unwrap() error { return t.err }

// explain finds the errors in what terraform printed.
func (e *Environment) explain(text string) string {
	if id, holder := lockOf(text); id != "" {
		return fmt.Sprintf("the state is locked%s: wait for it, or, once nothing runs there any more: cd %s && TF_DATA_DIR=%s terraform force-unlock %s", holder, e.dir, e.dataDir, id)
	}
	if strings.Contains(text, "No valid credential sources found") {
		return "there are no AWS credentials: aws sso login, or name a profile in AWS_PROFILE"
	}
	var told []string
	for _, block := range strings.Split("\n"+text, "\nError: ")[1:] {
		if said := diagnostic(block); len(told) < 2 {
			told = append(told, said)
		}
	}
	if len(told) == 0 {
		return strings.Join(strings.Fields(text), " ")
	}
	return strings.Join(told, "; ")
}

// diagnostic is the summary and the first paragraph of the detail. Paragraphs that
// quote the configuration are indented.
func diagnostic(block string) string {
	summary, rest, _ := strings.Cut(block, "\n\n")
	said := strings.Join(strings.Fields(summary), " ")
	for _, paragraph := range strings.Split(rest, "\n\n") {
		if strings.HasPrefix(paragraph, " ") || strings.TrimSpace(paragraph) == "" {
			continue
		}
		return said + ": " + strings.Join(strings.Fields(paragraph), " ")
	}
	return said
}

var lockField = regexp.MustCompile(`(?m)^\s+(ID|Who|Operation|Created):\s+(.+?)\s*$`)

// lockOf reads the lock that kept terraform out: its ID, and who holds it.
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

// oneLine puts joined errors on a line.
func oneLine(err error) error {
	if err == nil || !strings.Contains(err.Error(), "\n") {
		return err
	}
	return brief{strings.ReplaceAll(err.Error(), "\n", "; "), err}
}
