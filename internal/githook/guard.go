package githook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Guard searches committed tfvars for secrets by gitleaks' rules, with the scanner of the module in the folder tools.
// The error names the file, line and rule of each, and never a value.
func Guard(ctx context.Context) error {
	names, err := gitPaths(ctx, append([]string{"ls-files", "-z", "--"}, tfvars()...)...)
	if err != nil {
		return fmt.Errorf("guard the tfvars: %w", err)
	}
	return guardTfvars(ctx, names, func(_ context.Context, name string) ([]byte, error) { return os.ReadFile(name) })
}

// tfvars returns git's patterns for Terraform's variable files in any folder.
func tfvars() []string { return []string{":(glob)**/*.tfvars", ":(glob)**/*.tfvars.json"} }

// finding is a secret that gitleaks found. Its value is in gitleaks' report too, and is never read.
type finding struct {
	file string
	Line int    `json:"StartLine"`
	Rule string `json:"RuleID"`
}

func (f finding) String() string { return fmt.Sprintf("%s:%d: %s", f.file, f.Line, f.Rule) }

// guardTfvars returns an error if a file holds secrets.
func guardTfvars(ctx context.Context, names []string, read func(context.Context, string) ([]byte, error)) error {
	var found []string
	for _, name := range names {
		content, err := read(ctx, name)
		if err != nil {
			return fmt.Errorf("guard %s: %w", name, err)
		}
		findings, err := gitleaks(ctx, name, content)
		if err != nil {
			return fmt.Errorf("guard %s: %w", name, err)
		}
		for _, f := range findings {
			found = append(found, f.String())
		}
	}
	if len(found) > 0 {
		return fmt.Errorf("committed tfvars may hold no secret: %s: keep it in the env file or in AWS, and replace it if it was pushed; docs/ci.md describes what to do about a false alarm", strings.Join(found, "; "))
	}
	return nil
}

// guardTimeout bounds gitleaks, which is compiled at its first run.
const guardTimeout = 10 * time.Minute

// gitleaks runs the scanner of the tools module. The content is written to its standard input, and nowhere else.
func gitleaks(ctx context.Context, name string, content []byte) ([]finding, error) {
	ctx, cancel := context.WithTimeout(ctx, guardTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "tool", "gitleaks", "stdin", "--redact", "--no-banner", "--log-level=error",
		"--config=gitleaks.toml", "--report-format=json", "--report-path=-", "--exit-code=0")
	cmd.Dir, cmd.Stdin = "tools", bytes.NewReader(content)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("run gitleaks: %w", withLastLine(err))
	}
	var findings []finding
	if err := json.Unmarshal(out, &findings); err != nil {
		return nil, fmt.Errorf("read the report of gitleaks: %w", err)
	}
	for n := range findings {
		findings[n].file = name
	}
	return findings, nil
}

// withLastLine adds the last line that a failed program wrote on standard error to its error.
func withLastLine(err error) error {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(exit.Stderr)), "\n")
	return fmt.Errorf("%w: %s", err, lines[len(lines)-1])
}
