// Package tftest lets tests run the real terraform without the internet, on configurations that keep their state in a
// bucket as the product's does.
package tftest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Base names the provider and the backend, and the variables that every
// configuration of tests has: it goes beside a main.tf.
//
//go:embed base.tf
var Base string

// provider is the path of the AWS provider in a mirror.
const provider = "registry.terraform.io/hashicorp/aws/5.100.0"

// NeedTerraform skips a test if terraform is missing, and returns its path.
func NeedTerraform(tb testing.TB) string {
	tb.Helper()
	program, err := exec.LookPath("terraform")
	if err != nil {
		tb.Skip("terraform is not on PATH")
	}
	return program
}

// NeedProvider returns the same as [Mirror], for tests that are skipped without a mirror or without terraform.
func NeedProvider(tb testing.TB) string {
	tb.Helper()
	NeedTerraform(tb)
	mirror := Mirror()
	if mirror == "" {
		tb.Skip("Terraform's AWS provider is not in a filesystem mirror here: terraform providers mirror ~/.terraform.d/plugins makes one")
	}
	return mirror
}

// Mirror returns a filesystem mirror on this machine that holds the AWS provider, or "" if there is none.
var Mirror = sync.OnceValue(func() string {
	home, _ := os.UserHomeDir()
	for _, root := range []string{filepath.Join(home, ".terraform.d"), filepath.Join(home, ".local/share/terraform"), "/"} {
		if found := mirrorBelow(root); found != "" {
			return found
		}
	}
	return ""
})

// mirrorBelow searches a folder and three levels of folders in it.
func mirrorBelow(root string) (found string) {
	_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err == nil && !entry.IsDir():
			return nil
		case err != nil || slices.Contains([]string{"/proc", "/sys", "/dev", "/tmp", "/System", "/Volumes"}, path):
			return fs.SkipDir
		}
		if holdsProvider(path) {
			found = path
			return fs.SkipAll
		}
		if strings.Count(strings.TrimPrefix(path, root), "/") >= 3 {
			return fs.SkipDir
		}
		return nil
	})
	return found
}

// holdsProvider reports whether a folder is a mirror with the provider. It may be unpacked, or packed as by `terraform
// providers mirror`, which writes an index beside the archive.
func holdsProvider(path string) bool {
	for _, name := range []string{provider, provider + ".json"} {
		if _, err := os.Stat(filepath.Join(path, name)); err == nil {
			return true
		}
	}
	return false
}

// CLIConfig returns a configuration of terraform's command line that takes providers from a mirror only, and makes no
// request to any server.
func CLIConfig(mirror string) string {
	return fmt.Sprintf("disable_checkpoint = true\nprovider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror)
}

// Variables returns the content of a tfvars file with these values.
func Variables(tb testing.TB, values map[string]any) string {
	tb.Helper()
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value, err := json.Marshal(values[name])
		if err != nil {
			tb.Fatalf("encode the variable %s: %v", name, err)
		}
		fmt.Fprintf(&text, "%s = %s\n", name, value)
	}
	return text.String()
}
