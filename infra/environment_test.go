package infra_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/infra"
)

// small is a configuration that needs no provider. Its one resource writes a file while it is created, and waits.
const small = `
terraform {
  required_version = ">= 1.11.0"
}

variable "size" { type = number }

resource "terraform_data" "a" {
  input = var.size
  provisioner "local-exec" {
    command = "touch begun; while [ -e wait ]; do sleep 0.1; done; touch ended"
  }
}
`

func newSmall(t testing.TB) (dir string, open func() *infra.Environment) {
	withTerraform(t)
	dir = t.TempDir()
	writeFile(t, filepath.Join(dir, "main.tf"), small)
	writeFile(t, filepath.Join(dir, "terraform-dev.tfvars"), "size = 1\n")
	return dir, func() *infra.Environment {
		env, err := infra.Open(infra.Options{Environment: "dev", Dir: dir})
		require.NoError(t, err)
		return env
	}
}

// begun waits until the apply is in the middle.
func begun(t *testing.T, dir string) {
	t.Helper()
	require.Eventually(t, func() bool { return exists(filepath.Join(dir, "begun")) }, time.Minute, 20*time.Millisecond)
}

func applied(t *testing.T, env *infra.Environment) <-chan error {
	t.Helper()
	return appliedUntil(t, context.Background(), env)
}

func appliedUntil(t *testing.T, ctx context.Context, env *infra.Environment) <-chan error {
	t.Helper()
	require.NoError(t, env.CreateWorkspace(ctx))
	plan, err := env.Plan(ctx)
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() {
		err := plan.Apply(ctx)
		_ = plan.Close()
		ended <- err
	}()
	return ended
}

func TestALockedStateBlocksPlansAndNotTheGate(t *testing.T) {
	dir, open := newSmall(t)
	writeFile(t, filepath.Join(dir, "wait"), "")
	ended := applied(t, open())
	begun(t, dir)

	err := (&infra.Gate{Environment: open()}).Check(context.Background())
	require.ErrorIs(t, err, infra.ErrNotApplied, "it looked in spite of the lock")
	_, err = open().Plan(context.Background())
	require.ErrorContains(t, err, "the state is locked by ")
	require.ErrorContains(t, err, "terraform force-unlock ")

	require.NoError(t, os.Remove(filepath.Join(dir, "wait")))
	require.NoError(t, <-ended)
	require.NoError(t, (&infra.Gate{Environment: open()}).Check(context.Background()))
}

func TestAnInterruptedApplyEndsWhatItBeganAndLeavesNoLock(t *testing.T) {
	dir, open := newSmall(t)
	writeFile(t, filepath.Join(dir, "wait"), "")
	ctx, interrupt := context.WithCancel(context.Background())
	ended := appliedUntil(t, ctx, open())
	begun(t, dir)
	interrupt()
	require.NoError(t, os.Remove(filepath.Join(dir, "wait")))
	err := <-ended
	require.ErrorIs(t, err, context.Canceled)
	assert.ErrorContains(t, err, "apply dev: broken off")
	plan, err := open().Plan(context.Background())
	require.NoError(t, err, "the lock is free")
	require.NoError(t, plan.Close())
}

func TestInitRunsWhenItMust(t *testing.T) {
	dir, open := newSmall(t)
	require.NoError(t, <-applied(t, open()))
	stamp := filepath.Join(dir, ".terraform", "dev", "initialised.json")
	long := time.Now().Add(-time.Hour).Truncate(time.Second)
	for _, c := range []struct {
		name    string
		change  func()
		renewed bool
	}{
		{"nothing changed", func() {}, false},
		{"a resource changed", func() { writeFile(t, filepath.Join(dir, "more.tf"), "locals { a = 1 }\n") }, false},
		{"a provider was named", func() { writeFile(t, filepath.Join(dir, "more.tf"), "terraform {\n}\n") }, true},
		{"the stamp is broken", func() { writeFile(t, stamp, "{") }, true},
		{"a plugin is gone", func() {
			content, err := os.ReadFile(stamp)
			require.NoError(t, err)
			writeFile(t, stamp, string(bytes.Replace(content, []byte(`"plugins":null`), []byte(`"plugins":["gone"]`), 1)))
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.change()
			require.NoError(t, os.Chtimes(stamp, long, long))
			require.NoError(t, (&infra.Gate{Environment: open()}).Check(context.Background()))
			info, err := os.Stat(stamp)
			require.NoError(t, err)
			assert.Equal(t, c.renewed, info.ModTime().After(long))
		})
	}
}

func TestTheDataDirectoryIsPrivate(t *testing.T) {
	dir, open := newSmall(t)
	require.NoError(t, open().CreateWorkspace(context.Background()))
	plan, err := open().Plan(context.Background())
	require.NoError(t, err)
	for _, path := range []string{".terraform/dev", ".terraform/dev/plan-*", ".terraform/dev/plan-*/plan"} {
		found, err := filepath.Glob(filepath.Join(dir, path))
		require.NoError(t, err)
		require.Len(t, found, 1, path)
		info, err := os.Stat(found[0])
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o077, path)
	}
	require.NoError(t, plan.Close())
	assert.NoDirExists(t, filepath.Join(dir, ".terraform", "prod"))
}

// TestVariablesComeFromTheFileAlone checks that a plan is the same on every machine.
func TestVariablesComeFromTheFileAlone(t *testing.T) {
	dir, open := newSmall(t)
	require.NoError(t, <-applied(t, open()))
	t.Setenv("TF_VAR_size", "7")
	t.Setenv("TF_WORKSPACE", "prod")
	t.Setenv("TF_CLI_ARGS_plan", "-destroy")
	t.Setenv("TF_DATA_DIR", filepath.Join(dir, "elsewhere"))
	require.NoError(t, (&infra.Gate{Environment: open()}).Check(context.Background()))
	assert.NoDirExists(t, filepath.Join(dir, "elsewhere"))
}

func TestAPlanThatFailsIsALineAndLeavesNothing(t *testing.T) {
	dir, open := newSmall(t)
	require.NoError(t, open().CreateWorkspace(context.Background()))
	writeFile(t, filepath.Join(dir, "terraform-dev.tfvars"), "size = \"large\"\n")
	_, err := open().Plan(context.Background())
	require.ErrorContains(t, err, "plan dev: Invalid value for input variable")
	assert.NotContains(t, err.Error(), "\n")
	left, err := filepath.Glob(filepath.Join(dir, ".terraform", "dev", "plan-*"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "terraform")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\necho '{\"terraform_version\":\"1.5.7\"}'\n"), 0o755))
	whole := infra.Options{Environment: "dev", Dir: dir, Program: program, VarFile: "vars", EnvFile: infra.EnvFile{Path: "env"}}
	writeFile(t, filepath.Join(dir, "vars"), "")
	writeFile(t, filepath.Join(dir, "env"), "")
	_, err := infra.Open(whole)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		spoil func(*infra.Options)
		says  string
	}{
		"no environment": {func(o *infra.Options) { o.Environment = "" }, "no name of an environment"},
		"odd name":       {func(o *infra.Options) { o.Environment = "../prod" }, "no name of an environment"},
		"odd bucket":     {func(o *infra.Options) { o.Bucket = "Mine/state" }, `"Mine/state" is no name of an S3 bucket`},
		"no program":     {func(o *infra.Options) { o.Program = filepath.Join(dir, "none") }, "terraform is needed, 1.11.0 or newer"},
		"no variables":   {func(o *infra.Options) { o.VarFile = "" }, "terraform-dev.tfvars"},
		"no env file":    {func(o *infra.Options) { o.EnvFile.Path = ".env.dev" }, ".env.dev"},
		"both missing":   {func(o *infra.Options) { o.VarFile, o.EnvFile.Path = "a", "b" }, "/a does not exist: it is committed: is this the right folder?; "},
		"no folder":      {func(o *infra.Options) { o.Dir = filepath.Join(dir, "none") }, "none"},
	} {
		t.Run(name, func(t *testing.T) {
			o := whole
			c.spoil(&o)
			_, err := infra.Open(o)
			require.ErrorContains(t, err, c.says)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestAnOldTerraformIsRefused(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "terraform")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\necho '{\"terraform_version\":\"1.5.7\"}'\n"), 0o755))
	writeFile(t, filepath.Join(dir, "terraform-dev.tfvars"), "")
	env, err := infra.Open(infra.Options{Environment: "dev", Dir: dir, Program: program})
	require.NoError(t, err)
	_, err = env.Plan(context.Background())
	require.ErrorContains(t, err, "is Terraform 1.5.7: install 1.11.0 or newer")
	assert.NoDirExists(t, filepath.Join(dir, ".terraform"))
}
