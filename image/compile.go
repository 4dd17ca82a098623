package image

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
)

// DefaultPlatform is the platform of an image unless [Options] names another.
const DefaultPlatform = "linux/amd64"

// compileLimit bounds a compilation on a cold cache.
const compileLimit = 10 * time.Minute

// architecture returns the processor of a platform by the name that Go and Docker use.
func architecture(platform string) (string, error) {
	switch platform {
	case "linux/amd64", "linux/arm64":
		return strings.TrimPrefix(platform, "linux/"), nil
	}
	return "", fmt.Errorf("platform %q: want linux/amd64 or linux/arm64", platform)
}

// compile builds the static program of a service in its folder, as bin/NAME-linux-ARCH, where its Dockerfile copies it
// from. The same source gives the same bytes, and a file of the same mode and time, because a layer contains all three.
func compile(ctx context.Context, o Options, arch string, stamp time.Time) error {
	program := filepath.Join("bin", o.Name+"-linux-"+arch)
	release, err := toolchain(o.Dir)
	if err != nil {
		return fmt.Errorf("compile %s: %w", o.Dir, err)
	}
	if err := goBuild(o, program, arch, release).run(ctx); err != nil {
		return fmt.Errorf("compile %s: %w", o.Dir, err)
	}
	path := filepath.Join(o.Dir, program)
	if err := os.Chmod(path, 0o755); err != nil {
		return fmt.Errorf("compile %s: %w", o.Dir, err)
	}
	if err := os.Chtimes(path, stamp, stamp); err != nil {
		return fmt.Errorf("compile %s: %w", o.Dir, err)
	}
	return nil
}

// toolchain returns the Go release in the toolchain line of the module in dir. The image is compiled with exactly that
// one, so that everybody's image of a commit comes from the same, patched compiler.
func toolchain(dir string) (string, error) {
	path := filepath.Join(dir, "go.mod")
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the module's Go release: %w", err)
	}
	module, err := modfile.Parse(path, content, nil)
	if err != nil {
		return "", fmt.Errorf("read the module's Go release: %w", err)
	}
	if module.Toolchain == nil {
		return "", fmt.Errorf("%s has no toolchain line: `go mod edit -toolchain=go1.N.P` sets the Go release that compiles the image", path)
	}
	return module.Toolchain.Name, nil
}

// goBuild returns the command that compiles the program. It overrides the caller's build settings, because with
// GOTOOLCHAIN=local, for example, an older Go than the one in the module's toolchain line could compile it.
func goBuild(o Options, program, arch, release string) command {
	return command{
		name: "go", dir: o.Dir, out: o.Out, err: o.Err, limit: compileLimit,
		args: []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", program, "."},
		env: []string{
			"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch, "GOAMD64=v1", "GOARM64=v8.0",
			"GOFLAGS=", "GOEXPERIMENT=", "GOFIPS140=off", "GOWORK=off", "GOTOOLCHAIN=" + release,
		},
	}
}
