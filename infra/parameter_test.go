package infra_test

import (
	"encoding/json"
	"io"
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

// emulator makes Terraform and the AWS provider use an emulator of AWS.
func emulator(t *testing.T) (url string) {
	t.Helper()
	withProvider(t)
	url = mototest.Start(t)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example", "AWS_REGION": "us-west-1",
		"AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_MAX_ATTEMPTS": "3", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "CHECKPOINT_DISABLE": "1",
	} {
		t.Setenv(name, value)
	}
	return url
}

// call calls AWS outside Terraform, like a person.
func call(t *testing.T, url, service, action, body string) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
	require.NoError(t, err)
	if service == "ssm" {
		request.Header.Set("X-Amz-Target", "AmazonSSM."+action)
		request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	} else {
		version := map[string]string{"ec2": "2016-11-15", "elasticloadbalancing": "2015-12-01"}[service]
		body = "Action=" + action + "&Version=" + version + "&" + body
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/us-west-1/"+service+"/aws4_request, SignedHeaders=host, Signature=x")
	request.Body, request.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode, "%s: %s", action, text)
	return text
}

const parameter = `
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {}

resource "aws_ssm_parameter" "env" {
  name             = "/growl-backend/dev/env"
  type             = "SecureString"
  value_wo         = file("${path.module}/env")
  value_wo_version = parseint(substr(filesha256("${path.module}/env"), 0, 13), 16)
  tags             = { "env-sha256" = filesha256("${path.module}/env") }
}
`

// TestAParameterWrittenByHandIsFoundAndSettled uses the real provider, because its plan does not change such a
// parameter.
func TestAParameterWrittenByHandIsFoundAndSettled(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it takes a minute of terraform")
	}
	url, dir := emulator(t), t.TempDir()
	for name, text := range map[string]string{"main.tf": parameter, "env": "A=1\n", "terraform-dev.tfvars": ""} {
		writeFile(t, filepath.Join(dir, name), text)
	}
	env, err := infra.Open(infra.Options{Environment: "dev", Dir: dir})
	require.NoError(t, err)
	gate := &infra.Gate{Environment: env}
	apply := func() {
		plan, err := env.Plan(t.Context())
		require.NoError(t, err)
		require.NoError(t, plan.Apply(t.Context()))
		require.NoError(t, plan.Close())
	}
	value := func() string {
		var answer struct{ Parameter struct{ Value string } }
		text := call(t, url, "ssm", "GetParameter", `{"Name":"/growl-backend/dev/env","WithDecryption":true}`)
		require.NoError(t, json.Unmarshal(text, &answer))
		return answer.Parameter.Value
	}
	require.NoError(t, env.CreateWorkspace(t.Context()))
	apply()
	require.NoError(t, gate.Check(t.Context()), "after the first apply")

	writeFile(t, filepath.Join(dir, "env"), "A=2\n")
	require.ErrorIs(t, gate.Check(t.Context()), infra.ErrNotApplied)
	apply()
	require.NoError(t, gate.Check(t.Context()), "an apply that wrote the value is no drift")

	call(t, url, "ssm", "PutParameter", `{"Name":"/growl-backend/dev/env","Value":"by hand","Overwrite":true,"Type":"SecureString"}`)
	err = gate.Check(t.Context())
	require.ErrorIs(t, err, infra.ErrDrift)
	assert.ErrorContains(t, err, "drift: aws_ssm_parameter.env (replace: value): look with go tool mage infra:plan dev")
	apply()
	require.NoError(t, gate.Check(t.Context()), "after the apply that settles it")
	assert.Equal(t, "A=2\n", value())
}
