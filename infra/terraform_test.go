package infra_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const configuration = "../growl-backend/terraform"

// copied returns a copy of the configuration without the files that Terraform and people keep beside it.
func copied(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, filepath.WalkDir(configuration, func(path string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel(configuration, path)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == ".terraform":
			return fs.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(dir, name), 0o755)
		case strings.HasPrefix(entry.Name(), ".env.") || strings.Contains(name, ".tfstate"):
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, name), content, 0o644)
	}))
	return dir
}

func terraform(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), "terraform", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "terraform %s: %s", strings.Join(args, " "), out)
}

func TestTheConfigurationIsFormatted(t *testing.T) {
	withTerraform(t)
	terraform(t, configuration, "fmt", "-check", "-diff", "-recursive")
}

// committed applies an environment with its committed variables. %s is a list of the checks that fail.
const committed = `
mock_provider "aws" {
  source = "./tests/mocks"
}

mock_provider "aws" {
  alias  = "registry"
  source = "./tests/mocks"
}

variables {
  env_file            = "tests/fixtures/env"
  ssh_authorized_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINnoSuchKey somebody"]
}

run "apply" {
  expect_failures = [%s]

  assert {
    condition     = length(aws_instance.service) >= 2 && length(distinct([for i in var.instances : i.zone])) == 2
    error_message = "There is an instance in each zone."
  }
}
`

func TestTheConfigurationPassesItsTests(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it takes a minute of terraform")
	}
	withProvider(t)
	dir := copied(t)
	passes(t, filepath.Join(dir, "shared"))
	passes(t, dir)
	for environment, failing := range map[string]string{"dev": "", "prod": "check.prod_serves_tls"} {
		writeFile(t, filepath.Join(dir, "tests", "committed.tftest.hcl"), fmt.Sprintf(committed, failing))
		terraform(t, dir, "test", "-filter=tests/committed.tftest.hcl", "-var-file=terraform-"+environment+".tfvars")
	}
}

// passes runs the tests of a configuration with the providers in its lock file.
func passes(t *testing.T, dir string) {
	t.Helper()
	lock, err := os.ReadFile(filepath.Join(dir, ".terraform.lock.hcl"))
	require.NoError(t, err)
	terraform(t, dir, "init", "-backend=false", "-input=false", "-lockfile=readonly")
	terraform(t, dir, "validate")
	terraform(t, dir, "test")
	after, err := os.ReadFile(filepath.Join(dir, ".terraform.lock.hcl"))
	require.NoError(t, err)
	assert.Equal(t, string(lock), string(after))
}
