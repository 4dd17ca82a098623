package targets

import (
	"fmt"
	"os"

	"github.com/growl-dev/deploy/report"
)

// summarize puts the report on the CI job's page, where there is one, and its
// errors beside the code.
func summarize(document report.Document) error {
	path := os.Getenv("GITHUB_STEP_SUMMARY")
	if path == "" {
		return nil
	}
	printCommands(report.Annotations(document))
	page, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write the job's summary: %w", err)
	}
	if _, err := page.WriteString(report.GitHub(document)); err != nil {
		_ = page.Close()
		return fmt.Errorf("write the job's summary: %w", err)
	}
	return page.Close()
}
