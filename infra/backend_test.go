package infra_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/infra"
)

// remoteState is a configuration that needs no provider and keeps its state in a bucket, whose name init receives.
const remoteState = `
terraform {
  backend "s3" {
    key                         = "growl-backend/terraform.tfstate"
    region                      = "us-west-1"
    use_lockfile                = true
    use_path_style              = true
    skip_credentials_validation = true
    skip_requesting_account_id  = true
    skip_metadata_api_check     = true
    max_retries                 = 1
  }
}

variable "state_bucket" { type = string }

resource "terraform_data" "bucket" { input = var.state_bucket }
`

// checkout makes a fresh checkout of remoteState.
func checkout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "main.tf"), remoteState)
	for _, environment := range []string{"dev", "prod"} {
		writeFile(t, filepath.Join(dir, "terraform-"+environment+".tfvars"), "")
	}
	return dir
}

func openIn(t *testing.T, o infra.Options) *infra.Environment {
	t.Helper()
	env, err := infra.Open(o)
	require.NoError(t, err)
	return env
}

// TestAFreshCheckoutReadsItsOwnStateAlone checks that the role of CI, which may read one environment's state only, is
// enough in a fresh checkout, with which every job of CI starts.
func TestAFreshCheckoutReadsItsOwnStateAlone(t *testing.T) {
	withTerraform(t)
	b := newBuckets(t)
	for _, environment := range []string{"prod", "dev"} {
		require.NoError(t, <-applied(t, openIn(t, infra.Options{Environment: environment, Dir: checkout(t), Bucket: "mine"})))
	}
	const key = "mine/env:/dev/growl-backend/terraform.tfstate"
	require.Contains(t, b.object(key), `"value": "mine"`, "the configuration knows the bucket")

	b.only(key)
	env := openIn(t, infra.Options{Environment: "dev", Dir: checkout(t), Bucket: "mine"})
	require.NoError(t, (&infra.Gate{Environment: env}).Check(context.Background()))
	assert.Equal(t, []string{key}, b.keys())
}

// TestAnEnvironmentThatIsNotThereYet covers the first environment of a bucket and a second one. Neither has a workspace
// to select when terraform init runs.
func TestAnEnvironmentThatIsNotThereYet(t *testing.T) {
	withTerraform(t)
	newBuckets(t)
	for _, environment := range []string{"dev", "prod"} {
		dir := checkout(t)
		open := func() *infra.Environment {
			return openIn(t, infra.Options{Environment: environment, Dir: dir, Bucket: "mine"})
		}
		require.ErrorIs(t, (&infra.Gate{Environment: open()}).Check(context.Background()), infra.ErrNoWorkspace, environment)
		require.NoError(t, <-applied(t, open()), environment)
		require.NoError(t, (&infra.Gate{Environment: open()}).Check(context.Background()), environment)
	}
}

func TestAnotherBucketIsAnotherState(t *testing.T) {
	withTerraform(t)
	b, dir := newBuckets(t), checkout(t)
	one, two := infra.Options{Environment: "dev", Dir: dir, Bucket: "one"}, infra.Options{Environment: "dev", Dir: dir, Bucket: "two"}
	require.NoError(t, <-applied(t, openIn(t, one)))
	require.ErrorIs(t, (&infra.Gate{Environment: openIn(t, two)}).Check(context.Background()), infra.ErrNoWorkspace)
	require.NoError(t, <-applied(t, openIn(t, two)))
	require.NoError(t, (&infra.Gate{Environment: openIn(t, one)}).Check(context.Background()))
	require.Contains(t, b.object("one/env:/dev/growl-backend/terraform.tfstate"), `"value": "one"`)
	require.Contains(t, b.object("two/env:/dev/growl-backend/terraform.tfstate"), `"value": "two"`)
}

func TestAWorkspaceOfAnotherName(t *testing.T) {
	withTerraform(t)
	b, dir := newBuckets(t), checkout(t)
	o := infra.Options{Environment: "dev", Dir: dir, Bucket: "mine", Workspace: "default"}
	require.NoError(t, <-applied(t, openIn(t, o)))
	require.NoError(t, (&infra.Gate{Environment: openIn(t, o)}).Check(context.Background()))
	require.NotEmpty(t, b.object("mine/growl-backend/terraform.tfstate"))
	require.Empty(t, b.object("mine/env:/dev/growl-backend/terraform.tfstate"))
}

// stray are the files of variables that Terraform loads without being given them.
var stray = []string{"terraform.tfvars", "terraform.tfvars.json", "mine.auto.tfvars", "mine.auto.tfvars.json"}

func TestStrayVariablesAreRefusedByName(t *testing.T) {
	withTerraform(t)
	for _, name := range stray {
		dir, open := newSmall(t)
		open()
		writeFile(t, filepath.Join(dir, name), "")
		_, err := infra.Open(infra.Options{Environment: "dev", Dir: dir})
		require.ErrorContains(t, err, "terraform would load variables from "+name, name)
	}
}

func TestGitIgnoresStrayVariables(t *testing.T) {
	needs(t, "git")
	if !exists("../.git") {
		t.Skip("this is no git checkout")
	}
	ignored := func(name string) bool {
		return exec.Command("git", "check-ignore", "--quiet", "--no-index", filepath.Join(configuration, name)).Run() == nil
	}
	for _, name := range stray {
		assert.True(t, ignored(name), name)
	}
	committed, err := os.ReadDir(configuration)
	require.NoError(t, err)
	for _, entry := range committed {
		if filepath.Ext(entry.Name()) == ".tfvars" {
			assert.False(t, ignored(entry.Name()), entry.Name())
		}
	}
}
