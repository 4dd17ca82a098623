package sandbox

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// faultySource is the program of the faulty images; it imports the standard
// library only, so that it compiles anywhere.
//
//go:embed internal/faulty/main.go internal/faulty/leak.go
var faultySource embed.FS

// buildLimit bounds a compilation on a cold cache.
const buildLimit = 5 * time.Minute

// buildService compiles growl-backend and returns the program.
func buildService(ctx context.Context, dir, into string) ([]byte, error) {
	dir, err := serviceDir(dir)
	if err != nil {
		return nil, err
	}
	return compile(ctx, dir, filepath.Join(into, "growl-backend"), ".")
}

// buildFaulty compiles the program of the faulty images.
func buildFaulty(ctx context.Context, into string) ([]byte, error) {
	dir, err := os.MkdirTemp(into, "faulty-")
	if err != nil {
		return nil, fmt.Errorf("compile the faulty program: %w", err)
	}
	defer os.RemoveAll(dir)
	source, err := fs.Sub(faultySource, "internal/faulty")
	if err == nil {
		err = os.CopyFS(dir, source)
	}
	if err != nil {
		return nil, fmt.Errorf("compile the faulty program: %w", err)
	}
	return compile(ctx, dir, filepath.Join(dir, "faulty"), "main.go", "leak.go")
}

// compile builds a static program for this machine in dir, reads it and removes
// the file. What the caller's own environment says of builds does not count.
func compile(ctx context.Context, dir, output string, targets ...string) ([]byte, error) {
	tool, err := exec.LookPath("go")
	if err != nil {
		return nil, fmt.Errorf("compile %s: the go command is not in PATH: install Go or add it", filepath.Base(output))
	}
	ctx, cancel := context.WithTimeout(ctx, buildLimit)
	defer cancel()
	build := exec.CommandContext(ctx, tool, append([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", output}, targets...)...)
	build.Dir = dir
	build.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	said, err := build.CombinedOutput()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("compile %s: %w", filepath.Base(output), context.Cause(ctx))
	}
	if err != nil {
		return nil, fmt.Errorf("compile %s in %s: %w: %s", filepath.Base(output), dir, err, strings.ReplaceAll(string(bytes.TrimSpace(said)), "\n", " | "))
	}
	defer os.Remove(output)
	program, err := os.ReadFile(output)
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", filepath.Base(output), err)
	}
	return program, nil
}

// serviceDir finds growl-backend's source.
func serviceDir(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find growl-backend: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		service := filepath.Join(dir, "growl-backend")
		_, err := os.Stat(filepath.Join(service, "go.mod"))
		switch {
		case err == nil:
			return service, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("find growl-backend: %w", err)
		case dir == filepath.Dir(dir):
			return "", fmt.Errorf("find growl-backend: no such folder in %s or above it: run inside the repository or name the folder", start)
		}
	}
}
