package growl_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/magetest"
)

// fakeTerraform answers as far as a command comes that is refused.
const fakeTerraform = `#!/bin/sh
case "$1 $2" in
"version "*) echo "{\"terraform_version\":\"${VERSION:-1.11.4}\"}" ;;
"workspace list") printf '  default\n* dev\n' ;;
"output "*) cat outputs.json ;;
"plan "*)
  echo 'aws_instance.service["one"]: Refreshing state...'
  printf '\nError: reading EC2 Instance (i-1): UnauthorizedOperation\n\n  on instances.tf line 7:\n\nYou are not allowed to.\n' >&2
  exit 1 ;;
esac
`

const goodOutputs = `{
 "environment": {"value": "dev", "type": "string"}, "region": {"value": "us-west-1", "type": "string"},
 "registry_region": {"value": "us-west-1", "type": "string"},
 "repository": {"value": "1.dkr.ecr.us-west-1.amazonaws.com/growl-backend", "type": "string"}, "user": {"value": "deploy", "type": "string"},
 "target_groups": {"value": ["arn:aws:elasticloadbalancing:us-west-1:1:targetgroup/a/1"], "type": ["list", "string"]},
 "instances": {"value": [{"id": "i-1", "name": "one", "zone": "us-west-1a", "address": "10.0.0.1"}], "type": ["list", ["object", {}]]}
}`

// TestBadInputOfTheInfrastructure checks that each error is one line with exit code 1, and that AWS gets
// no request.
func TestBadInputOfTheInfrastructure(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("sh is not on PATH")
	}
	remove := func(name string) func(*testing.T, string) {
		return func(t *testing.T, root string) { require.NoError(t, os.Remove(filepath.Join(root, name))) }
	}
	write := func(name, text string) func(*testing.T, string) {
		return func(t *testing.T, root string) {
			require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o600))
		}
	}
	outputs := terraformDir + "/outputs.json"
	for _, test := range []struct {
		name, target string
		vars         []string
		spoil        func(t *testing.T, root string)
		want         string
	}{
		{"no terraform", "infra:plan", []string{"PATH=/nonesuch"}, nil, "terraform is needed, 1.11.0 or newer: https://developer.hashicorp.com/terraform/install"},
		{"an old terraform", "infra:drift", []string{"VERSION=1.5.7"}, nil, "is Terraform 1.5.7: install 1.11.0 or newer"},
		{"no tfvars", "infra:apply", nil, remove(devVariables), "terraform-dev.tfvars does not exist: it is committed: is this the right folder?"},
		{"variables that nobody committed", "infra:plan", nil, write(terraformDir+"/terraform.tfvars", ""), "terraform would load variables from terraform.tfvars in "},
		{"more of them, at an apply", "infra:apply", nil, write(terraformDir+"/mine.auto.tfvars.json", "{}"), "terraform would load variables from mine.auto.tfvars.json in "},
		{"the same, at a gate", "infra:drift", nil, write(terraformDir+"/mine.auto.tfvars", ""), "terraform would load variables from mine.auto.tfvars in "},
		{"the same, at a deploy", "deploy:dev", nil, write(terraformDir+"/terraform.tfvars.json", "{}"), "terraform would load variables from terraform.tfvars.json in "},
		{"a bucket that is none", "infra:plan", []string{"TF_STATE_BUCKET=a/b"}, nil, `"a/b" is no name of an S3 bucket`},
		{"no env file", "deploy:dev", nil, remove(devEnv), ".env.dev does not exist: it is never committed: get it from whoever runs dev"},
		{"an env file that is a folder", "env:seal", nil, func(t *testing.T, root string) {
			remove(devEnv)(t, root)
			require.NoError(t, os.Mkdir(filepath.Join(root, devEnv), 0o700))
		}, ".env.dev: is a directory"},
		{"an unreadable env file", "infra:plan", nil, func(t *testing.T, root string) {
			if os.Getuid() == 0 {
				t.Skip("root reads everything")
			}
			require.NoError(t, os.Chmod(filepath.Join(root, devEnv), 0))
		}, ".env.dev: permission denied"},
		{"no seal", "deploy:dev", nil, remove(devSeal), "env-dev.sha256: there is none: go tool mage env:seal writes it"},
		{"a malformed seal", "deploy:dev", nil, write(devSeal, "abc\n"), "want 64 hex digits, two spaces and a file name: go tool mage env:seal writes it anew"},
		{"another seal", "env:check", nil, write(devSeal, strings.Repeat("0", 64)+"  .env.dev\n"), "the env file is not the one that was sealed: get the sealed file from whoever changed it, or, if the change is meant, go tool mage env:seal seals it"},
		{"a plan that fails half-way", "infra:drift", nil, nil, "plan dev: reading EC2 Instance (i-1): UnauthorizedOperation: You are not allowed to."},
		{"no outputs", "infra:output", nil, write(outputs, "{}"), "infra:apply"},
		{"an output that is missing", "deploy:dev", nil, write(outputs, strings.Replace(goodOutputs, `"repository"`, `"registry"`, 1)), "repository is missing"},
		{"an instance without its zone", "deploy:dev", nil, write(outputs, strings.Replace(goodOutputs, `"zone"`, `"place"`, 1)), "instances[0].zone"},
		{"outputs that are none", "deploy:dev", nil, write(outputs, "no JSON"), "invalid character"},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := badInputRoot(t)
			if test.spoil != nil {
				test.spoil(t, root)
			}
			nobody := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				t.Errorf("request to AWS: %s %s", r.Method, r.URL)
			}))
			defer nobody.Close()
			cmd := exec.Command(magetest.Program(t), test.target)
			if !strings.HasPrefix(test.target, "env:") && test.target != "deploy:dev" {
				cmd.Args = append(cmd.Args, "dev")
			}
			cmd.Dir = root
			cmd.Env = append(place{}.environ("PATH="+filepath.Join(root, "bin")+":"+os.Getenv("PATH"), "AWS_ENDPOINT_URL="+nobody.URL,
				"AWS_ACCESS_KEY_ID=AKIANONESUCH", "AWS_SECRET_ACCESS_KEY=x", "AWS_REGION=us-west-1",
				"SSH_AUTH_SOCK="+filepath.Join(root, "agent"), "SSH_KNOWN_HOSTS="+os.DevNull), test.vars...)
			output, _ := cmd.CombinedOutput()
			assert.Equal(t, 1, cmd.ProcessState.ExitCode(), "%s", output)
			assertOneLine(t, string(output), test.want)
			assert.NotContains(t, string(output), canary)
			t.Logf("%s", output)
		})
	}
}

// badInputRoot is a checkout with nothing wrong in it.
func badInputRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"bin/terraform": fakeTerraform, devVariables: "", devEnv: canaryEnv, terraformDir + "/outputs.json": goodOutputs,
	} {
		file := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o700))
	}
	cmd := exec.Command(magetest.Program(t), "env:seal")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return root
}
