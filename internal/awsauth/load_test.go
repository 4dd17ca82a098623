package awsauth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/awsauth"
)

// machine is a machine without credentials: its metadata service refuses, and the profiles have no login.
func machine(t *testing.T) {
	t.Helper()
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(metadata.Close)
	dir := t.TempDir()
	file := filepath.Join(dir, "config")
	require.NoError(t, os.WriteFile(file, []byte(`
[profile session]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Deploy
[sso-session corp]
sso_region = us-west-1
sso_start_url = https://corp.example/start
[profile legacy]
sso_start_url = https://corp.example/start
sso_region = us-west-1
sso_account_id = 123456789012
sso_role_name = Deploy
[profile empty]
region = us-west-1
`), 0o600))
	for name, value := range map[string]string{
		"HOME": dir, "AWS_CONFIG_FILE": file, "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "none"),
		"AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.URL, "AWS_EC2_METADATA_DISABLED": "",
		"AWS_PROFILE": "", "AWS_DEFAULT_PROFILE": "", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "",
		"AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
	} {
		t.Setenv(name, value)
	}
}

// Each cause has its own remedy, and the SDK prints nothing.
func TestCredentialsThatCannotBeHad(t *testing.T) {
	const none = "there are no AWS credentials (profile "
	for profile, says := range map[string]string{
		"":        none + "default): log in (aws sso login --profile NAME) and set AWS_PROFILE=NAME, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
		"empty":   none + "empty): log in (aws sso login --profile NAME) and set AWS_PROFILE=NAME, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
		"session": "nobody is logged in with the AWS profile session, or the login has expired: aws sso login --profile session",
		"legacy":  "nobody is logged in with the AWS profile legacy, or the login has expired: aws sso login --profile legacy",
		"nowhere": "there is no AWS profile nowhere: set AWS_PROFILE to one that `aws configure list-profiles` prints, or make it: aws configure sso --profile nowhere",
	} {
		t.Run(profile, func(t *testing.T) {
			machine(t)
			t.Setenv("AWS_PROFILE", profile)
			assert.Empty(t, printed(t, func() {
				require.EqualError(t, retrieve(t.Context()), says)
			}))
			t.Setenv("AWS_PROFILE", "")
			if profile != "" {
				require.EqualError(t, retrieve(t.Context(), config.WithSharedConfigProfile(profile)), says)
			}
		})
	}
}

// retrieve loads the configuration and gets its credentials, as a call does, with the text that a call adds.
func retrieve(ctx context.Context, options ...func(*config.LoadOptions) error) error {
	cfg, err := awsauth.Load(ctx, options...)
	if err != nil {
		return err
	}
	_, err = cfg.Credentials.Retrieve(ctx)
	return awsauth.Explain(&smithy.OperationError{ServiceID: "ECR", OperationName: "GetAuthorizationToken", Err: err})
}

func TestATokenThatHasExpired(t *testing.T) {
	t.Setenv("AWS_PROFILE", "dev")
	err := awsauth.Explain(&smithy.OperationError{ServiceID: "ECR", Err: &smithy.GenericAPIError{Code: "ExpiredTokenException", Message: "old"}})
	require.ErrorContains(t, err, "the AWS credentials are expired or not valid: run `aws sso login --profile dev`, or replace those in AWS_ACCESS_KEY_ID")
}

// printed returns what is written to standard error during a call.
func printed(t *testing.T, call func()) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	defer file.Close()
	before := os.Stderr
	os.Stderr = file
	defer func() { os.Stderr = before }()
	call()
	text, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	return string(text)
}
