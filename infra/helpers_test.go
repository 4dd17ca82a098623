package infra_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/tftest"
)

// needs skips a test if a program is missing.
func needs(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not on PATH", program)
	}
	return path
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// withTerraform lets terraform run without the internet: providers come from a mirror on this machine, or not at all.
func withTerraform(t testing.TB) string {
	t.Helper()
	program, mirror := tftest.NeedTerraform(t), tftest.Mirror()
	if mirror == "" {
		mirror = t.TempDir()
	}
	config := filepath.Join(t.TempDir(), "terraformrc")
	writeFile(t, config, tftest.CLIConfig(mirror))
	t.Setenv("TF_CLI_CONFIG_FILE", config)
	return program
}

// withProvider is withTerraform for configurations that use AWS.
func withProvider(t testing.TB) string {
	t.Helper()
	tftest.NeedProvider(t)
	return withTerraform(t)
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}
