package report

import (
	"errors"
	"fmt"
	"os"
)

// AppendSummary appends the document to a file as Markdown, such as the one that GITHUB_STEP_SUMMARY names.
func (d Document) AppendSummary(path string) error {
	page, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write the job's summary: %w", err)
	}
	_, err = page.WriteString(GitHub(d))
	if err := errors.Join(err, page.Close()); err != nil {
		return fmt.Errorf("write the job's summary: %w", err)
	}
	return nil
}
