package targets

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// race asks for the race detector. Linux needs a C compiler for it, which a
// machine with only Go installed does not have.
func race() []string {
	if runtime.GOOS == "linux" {
		if _, err := exec.LookPath("gcc"); err != nil {
			printf("race detector off: it needs gcc on Linux\n")
			return nil
		}
	}
	return []string{"-race"}
}

// Lint checks formatting, vets, runs staticcheck, looks whether go.mod is tidy, and checks the workflows.
func Lint(_ context.Context) (err error) {
	defer cleanError(&err)
	unformatted, err := exec.Command("gofmt", "-l", ".").Output()
	if err != nil {
		return fmt.Errorf("run gofmt: %w", said(err))
	}
	if len(unformatted) > 0 {
		return fmt.Errorf("not formatted, run gofmt -w on: %s", bytes.TrimSpace(unformatted))
	}
	for _, module := range []string{".", "growl-backend"} {
		for _, check := range [][]string{
			{"go", "vet", "./..."},
			{"go", "mod", "tidy", "-diff"},
			{"go", "tool", "-modfile=" + toolsModule(), "staticcheck", "./..."},
		} {
			if err := inModule(module, check[0], check[1:]...); err != nil {
				return err
			}
		}
	}
	if err := inModule("tools", "go", "mod", "tidy", "-diff"); err != nil {
		return err
	}
	return inModule(".", "go", "tool", "-modfile="+toolsModule(), "actionlint")
}

// toolsModule holds the linters, so that they do not flood go.mod.
func toolsModule() string {
	root, err := os.Getwd()
	if err != nil {
		return "tools/go.mod"
	}
	return filepath.Join(root, "tools", "go.mod")
}

// inModule runs a command in one of the repository's modules and shows what it prints.
func inModule(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if err := runShown(cmd); err != nil {
		return fmt.Errorf("%s %v in %s: %w", name, args, dir, err)
	}
	return nil
}
