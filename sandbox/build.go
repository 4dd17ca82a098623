package sandbox

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// standInSource is the source of the stand-in's program. It imports only the standard library, so that it compiles
// anywhere.
//
//go:embed internal/standin/*.go internal/standin/program/*.go
var standInSource embed.FS

// standInModule is the go.mod for that source, which is in the module's folder sandbox.
const standInModule = "module github.com/growl-dev/deploy\n\ngo 1.26\n"

// buildLimit is the time limit of a compilation, which may begin with an empty cache.
const buildLimit = 5 * time.Minute

// buildService compiles the service and returns the program.
func buildService(ctx context.Context, service Service, into string) ([]byte, error) {
	dir, err := programDir(service.Program)
	if err != nil {
		return nil, err
	}
	return compile(ctx, service.Name, dir, into, ".")
}

// buildStandIn compiles the stand-in.
func buildStandIn(ctx context.Context, into string) ([]byte, error) {
	dir, err := os.MkdirTemp(into, "source-")
	if err != nil {
		return nil, fmt.Errorf("compile the stand-in: %w", err)
	}
	defer os.RemoveAll(dir)
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, "go.mod"), []byte(standInModule), 0o600),
		os.CopyFS(filepath.Join(dir, "sandbox"), standInSource),
	)
	if err != nil {
		return nil, fmt.Errorf("compile the stand-in: %w", err)
	}
	return compile(ctx, "the stand-in", dir, into, "./sandbox/internal/standin/program")
}

// compile builds a static program for this machine from a package in dir and returns it. It uses a temporary folder in
// into, and ignores the build settings of the caller's environment. The error contains the compiler's output in one line.
func compile(ctx context.Context, name, dir, into, source string) ([]byte, error) {
	tool, err := exec.LookPath("go")
	if err != nil {
		return nil, fmt.Errorf("compile %s: the go command is not in PATH: install Go or add it", name)
	}
	folder, err := os.MkdirTemp(into, "build-")
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", name, err)
	}
	defer os.RemoveAll(folder)
	output := filepath.Join(folder, "program")
	ctx, cancel := context.WithTimeout(ctx, buildLimit)
	defer cancel()
	build := exec.CommandContext(ctx, tool, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", output, source)
	build.Dir = dir
	build.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	messages, err := build.CombinedOutput()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("compile %s: %w", name, context.Cause(ctx))
	}
	if err != nil {
		return nil, fmt.Errorf("compile %s in %s: %w: %s", name, dir, err, strings.ReplaceAll(string(bytes.TrimSpace(messages)), "\n", " | "))
	}
	program, err := os.ReadFile(output)
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", name, err)
	}
	return program, nil
}

// programDir returns the folder of a Go program. A relative path is resolved in the working directory and then in each
// folder above it.
func programDir(given string) (string, error) {
	if filepath.IsAbs(given) {
		return given, nil
	}
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the program %s: %w", given, err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		program := filepath.Join(dir, given)
		sources, err := filepath.Glob(filepath.Join(program, "*.go"))
		switch {
		case err != nil:
			return "", fmt.Errorf("find the program %s: %w", given, err)
		case len(sources) > 0:
			return program, nil
		case dir == filepath.Dir(dir):
			return "", fmt.Errorf("find the program %s: no such folder with Go files in %s or above it: run inside the repository or name the folder by its absolute path", given, start)
		}
	}
}
