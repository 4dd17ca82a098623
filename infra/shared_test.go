package infra_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/infra"
	"github.com/growl-dev/deploy/internal/mototest"
)

// olderDev lists the resources that older versions of the configuration kept in dev's state besides the environment
// itself.
const olderDev = `
resource "aws_ecr_repository" "service" {
  count    = 1
  provider = aws.registry
  name     = "growl-backend"
  image_scanning_configuration { scan_on_push = true }
}

resource "aws_ecr_lifecycle_policy" "service" {
  count      = 1
  provider   = aws.registry
  repository = aws_ecr_repository.service[0].name
  policy     = jsonencode({ rules = [{ rulePriority = 1, selection = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 50 }, action = { type = "expire" } }] })
}

resource "aws_iam_openid_connect_provider" "github" {
  count          = 1
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}
`

// variablesOfDev declare what the files of the configuration that the test uses refer to.
const variablesOfDev = `
variable "region" { type = string }
variable "registry_region" { type = string }
variable "state_bucket" { type = string }
locals { tags = { Environment = "dev" } }
`

// TestWhatDevHeldMovesWithoutADestroy follows the documented order with the real Terraform and provider against an
// emulator of AWS: shared imports the resources in dev's state, and dev forgets them.
func TestWhatDevHeldMovesWithoutADestroy(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it takes minutes of terraform")
	}
	withProvider(t)
	emulated(t, "mine-tf-state")
	dev := olderCheckout(t)
	require.NoError(t, <-applied(t, openIn(t, dev)))

	var shown bytes.Buffer
	shared := infra.Options{Environment: "shared", Workspace: "default", Dir: filepath.Join(copied(t), "shared"), Bucket: "mine-tf-state", Show: &shown}
	writeFile(t, filepath.Join(shared.Dir, "terraform-shared.tfvars"), `existing = ["repository", "github_provider"]`)
	// The bucket's settings are no part of the move, and the provider waits a minute for one of them.
	require.NoError(t, os.Remove(filepath.Join(shared.Dir, "bucket.tf")))
	require.NoError(t, <-applied(t, openIn(t, shared)))
	assert.Contains(t, shown.String(), "Plan: 2 to import, 1 to add, 2 to change, 0 to destroy.")

	require.NoError(t, os.Remove(filepath.Join(dev.Dir, "older.tf")))
	copyFile(t, "ecr.tf", dev.Dir)
	shown.Reset()
	dev.Show = &shown
	plan, err := openIn(t, dev).Plan(context.Background())
	require.NoError(t, err)
	var told []string
	for _, change := range plan.Changes {
		told = append(told, change.String())
	}
	assert.Equal(t, []string{
		"aws_ecr_lifecycle_policy.service[0] (forget)", "aws_ecr_repository.service[0] (forget)", "aws_iam_openid_connect_provider.github[0] (forget)",
	}, told)
	require.NoError(t, plan.Apply(context.Background()))
	require.NoError(t, plan.Close())
	assert.Contains(t, shown.String(), "0 to destroy")
	for _, o := range []infra.Options{dev, shared} {
		require.NoError(t, (&infra.Gate{Environment: openIn(t, o)}).Check(context.Background()), "%s", o.Environment)
	}
}

// olderCheckout is dev's configuration as far as it is about what is shared, before that moved.
func olderCheckout(t *testing.T) infra.Options {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"backend.tf", "versions.tf", ".terraform.lock.hcl"} {
		copyFile(t, name, dir)
	}
	writeFile(t, filepath.Join(dir, "variables.tf"), variablesOfDev)
	writeFile(t, filepath.Join(dir, "older.tf"), olderDev)
	writeFile(t, filepath.Join(dir, "terraform-dev.tfvars"), "region = \"us-west-1\"\nregistry_region = \"us-west-1\"\n")
	return infra.Options{Environment: "dev", Dir: dir, Bucket: "mine-tf-state"}
}

func copyFile(t *testing.T, name, dir string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(configuration, name))
	require.NoError(t, err)
	writeFile(t, filepath.Join(dir, name), string(content))
}

// emulated makes this process use an emulator of AWS that has the bucket.
func emulated(t *testing.T, bucket string) {
	t.Helper()
	moto := mototest.Start(t)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": moto, "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example",
		"AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	body := "<CreateBucketConfiguration><LocationConstraint>us-west-1</LocationConstraint></CreateBucketConfiguration>"
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, moto+"/"+bucket, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/us-west-1/s3/aws4_request, SignedHeaders=host, Signature=x")
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
}
