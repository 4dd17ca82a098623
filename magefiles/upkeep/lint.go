package upkeep

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/growl-dev/deploy/internal/console"
)

// Lint checks formatting, vets, runs staticcheck, checks that go.mod is tidy, and checks the workflows.
func Lint(_ context.Context) (err error) {
	defer console.CleanError(&err)
	unformatted, err := exec.Command("gofmt", "-l", ".").Output()
	if err != nil {
		return fmt.Errorf("run gofmt: %w", console.WithLastLine(err))
	}
	if len(unformatted) > 0 {
		return fmt.Errorf("not formatted, run gofmt -w on: %s", bytes.TrimSpace(unformatted))
	}
	linters, err := filepath.Abs("tools/go.mod") // in a module of their own, so that they do not flood go.mod
	if err != nil {
		return fmt.Errorf("find the linters: %w", err)
	}
	for _, module := range append(modules(), adopter) {
		for _, check := range [][]string{
			{"vet", "-tags=mage", "./..."},
			{"mod", "tidy", "-diff"},
			{"tool", "-modfile=" + linters, "staticcheck", "-tags=mage", "./..."},
		} {
			if err := inModule(module, check...); err != nil {
				return err
			}
		}
	}
	if err := inModule("tools", "mod", "tidy", "-diff"); err != nil {
		return err
	}
	return inModule(".", "tool", "-modfile="+linters, "actionlint")
}

// inModule runs the go command in one of the repository's modules and prints its output.
func inModule(dir string, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	if err := console.Run(cmd); err != nil {
		return fmt.Errorf("go %v in %s: %w", args, dir, err)
	}
	return nil
}
