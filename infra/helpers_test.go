package infra_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// needs skips a test where a program is missing.
func needs(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not on PATH", program)
	}
	return path
}

// providerFolder is a filesystem mirror that holds the AWS provider, wherever it
// is on this machine; empty where there is none.
var providerFolder = sync.OnceValue(func() (found string) {
	home, _ := os.UserHomeDir()
	for _, root := range []string{filepath.Join(home, ".terraform.d"), filepath.Join(home, ".local/share/terraform"), "/"} {
		_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err == nil && !entry.IsDir():
				return nil
			case err != nil || slices.Contains([]string{"/proc", "/sys", "/dev", "/tmp", "/System", "/Volumes"}, path):
				return fs.SkipDir
			case exists(filepath.Join(path, "registry.terraform.io/hashicorp/aws/5.100.0")):
				found = path
				return fs.SkipAll
			case strings.Count(strings.TrimPrefix(path, root), "/") >= 3:
				return fs.SkipDir
			}
			return nil
		})
		if found != "" {
			return found
		}
	}
	return ""
})

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// withTerraform lets terraform run without the internet: providers come from a
// mirror on this machine, or not at all.
func withTerraform(t *testing.T) string {
	t.Helper()
	program := needs(t, "terraform")
	config := filepath.Join(t.TempDir(), "terraformrc")
	mirror := providerFolder()
	if mirror == "" {
		mirror = t.TempDir()
	}
	text := fmt.Sprintf("disable_checkpoint = true\nprovider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror)
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	t.Setenv("TF_CLI_CONFIG_FILE", config)
	return program
}

// withProvider is withTerraform for configurations that use AWS.
func withProvider(t *testing.T) string {
	t.Helper()
	program := withTerraform(t)
	if providerFolder() == "" {
		t.Skip("Terraform's AWS provider is not in a filesystem mirror here: terraform providers mirror ~/.terraform.d/plugins makes one")
	}
	return program
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}
