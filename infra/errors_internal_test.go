package infra

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFailedIsOneLine(t *testing.T) {
	t.Setenv("AWS_PROFILE", "dev")
	e := &Environment{name: "dev", dir: "/tf", dataDir: "/tf/.terraform/dev"}
	for name, c := range map[string]struct{ said, want string }{
		"summary and detail": {
			"exit status 1\n\nError: No value for required variable\n\n  on main.tf line 11:\n  11: variable \"x\" {}\n\nThe root module input variable \"x\" is not set, and has no default value. Use\na -var option.\n\nMore.\n",
			`plan dev: No value for required variable: The root module input variable "x" is not set, and has no default value. Use a -var option.`,
		},
		"summary alone": {
			"exit status 1\n\nError: validating provider credentials: StatusCode: 403,\nInvalidClientTokenId\n\n  with provider[\"registry.terraform.io/hashicorp/aws\"],\n",
			"plan dev: validating provider credentials: StatusCode: 403, InvalidClientTokenId",
		},
		"two": {
			"exit status 1\n\nError: no such bucket\n\nPlease see the docs\n\nError: no role found,\naccess disabled\n\nError: third\n",
			"plan dev: no such bucket: Please see the docs; no role found, access disabled",
		},
		"no credentials": {
			"exit status 1\n\nError: No valid credential sources found\n\nPlease see the docs\n\nError: no EC2 IMDS role found\n",
			"plan dev: there are no AWS credentials (profile dev): log in (aws sso login --profile NAME) and set AWS_PROFILE=NAME, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
		},
		"no profile": {
			"exit status 1\n\nError: failed to get shared config profile, dev\n",
			"plan dev: there is no AWS profile dev: set AWS_PROFILE to one that `aws configure list-profiles` prints, or make it: aws configure sso --profile dev",
		},
		"no login": {
			"exit status 1\n\nError: No valid credential sources found\n\nPlease see the docs\n\nError: failed to refresh cached credentials, failed to read cached SSO token\nfile, open\n/root/.aws/sso/cache/ee0b.json: no such\nfile or directory\n",
			"plan dev: nobody is logged in with the AWS profile dev, or the login has expired: aws sso login --profile dev",
		},
		"no diagnostics": {"exit status 127\nsh: not\n found\n", "plan dev: exit status 127 sh: not found"},
		"locked": {
			"exit status 1\n\nError: Error acquiring the state lock\n\nError message: resource temporarily unavailable\nLock Info:\n  ID:        28b8d19f-a6f9\n  Path:      terraform.tfstate\n  Operation: OperationTypeApply\n  Who:       root@vm\n  Version:   1.11.4\n  Created:   2026-11-23 09:14:07 +0000 UTC\n  Info:      \n\n\nTerraform acquires a state lock\n",
			"plan dev: the state is locked by root@vm since 2026-11-23 09:14:07 +0000 UTC: wait for it, or, once nothing runs there any more: cd /tf && TF_DATA_DIR=/tf/.terraform/dev terraform force-unlock 28b8d19f-a6f9",
		},
	} {
		t.Run(name, func(t *testing.T) {
			cause := errors.New(c.said)
			err := e.failed("plan", cause)
			require.EqualError(t, err, c.want)
			require.ErrorIs(t, err, cause)
		})
	}
}

func TestFailedKeepsTheCancellation(t *testing.T) {
	err := (&Environment{name: "dev"}).failed("apply", context.Canceled)
	require.ErrorIs(t, err, context.Canceled)
	assert.ErrorContains(t, err, "broken off")
}

func FuzzExplain(f *testing.F) {
	f.Add("exit status 1\n\nError: a\n\n  on x\n\nb\n")
	f.Add("\nLock Info:\n  ID: \n")
	f.Fuzz(func(t *testing.T, text string) {
		assert.NotContains(t, (&Environment{}).explain(text), "\n")
	})
}
