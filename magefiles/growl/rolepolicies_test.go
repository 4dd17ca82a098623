package growl_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/console"
	"github.com/growl-dev/deploy/internal/iam"
	"github.com/growl-dev/deploy/internal/tftest"
)

// rolePolicies are the policies of every role as Terraform plans them for an environment, by the role's name: from the
// plan's JSON of growl-backend/terraform over the recorded state, so that the ARNs in them are known.
func rolePolicies(t *testing.T, r *recording) map[string][]iam.Policy {
	t.Helper()
	dir := t.TempDir()
	copyConfiguration(t, dir)
	require.NoError(t, os.Remove(filepath.Join(dir, "backend.tf")))
	state := filepath.Join(dir, "terraform.tfstate.d", r.environment)
	require.NoError(t, os.MkdirAll(state, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(state, "terraform.tfstate"), []byte(r.state(t, committedInstances(t, r.environment))), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env."+r.environment), []byte("A=1\n"), 0o600))

	site := httptest.NewServer(http.HandlerFunc(r.ServeHTTP))
	defer site.Close()
	config := filepath.Join(t.TempDir(), "terraformrc")
	require.NoError(t, os.WriteFile(config, []byte(tftest.CLIConfig(tftest.NeedProvider(t))), 0o600))
	terraform := func(args ...string) []byte {
		cmd := exec.CommandContext(t.Context(), "terraform", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+config, "TF_WORKSPACE="+r.environment, "AWS_ENDPOINT_URL="+site.URL, "AWS_MAX_ATTEMPTS=1",
			"AWS_ACCESS_KEY_ID=AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY=example", "AWS_EC2_METADATA_DISABLED=true",
			"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
		out, err := cmd.Output()
		require.NoError(t, err, "terraform %s: %v: %s", strings.Join(args, " "), err, console.WithLastLine(err))
		return out
	}
	terraform("init", "-input=false")
	terraform("plan", "-input=false", "-lock=false", "-no-color", "-out=plan", "-var-file=terraform-"+r.environment+".tfvars")
	require.Empty(t, r.unanswered(), "the provider reads what infra/testdata/plan-calls does not answer")
	return plannedPolicies(t, terraform("show", "-json", "plan"))
}

// plannedPolicies reads the policies from a plan's JSON. One whose document is not known before an apply is an error.
func plannedPolicies(t *testing.T, plan []byte) map[string][]iam.Policy {
	t.Helper()
	var document struct {
		PlannedValues struct {
			RootModule struct {
				Resources []struct {
					Address, Type string
					Values        struct{ Role, Policy string }
				}
			} `json:"root_module"`
		} `json:"planned_values"`
	}
	require.NoError(t, json.Unmarshal(plan, &document))
	policies := map[string][]iam.Policy{}
	for _, resource := range document.PlannedValues.RootModule.Resources {
		if resource.Type != "aws_iam_role_policy" {
			continue
		}
		require.NotEmpty(t, resource.Values.Policy, "%s is not known: infra/testdata/plan-calls lacks a resource whose ARN it names", resource.Address)
		require.NotEmpty(t, resource.Values.Role, "%s is of a role that is not known", resource.Address)
		policy, err := iam.Parse([]byte(resource.Values.Policy))
		require.NoError(t, err, resource.Address)
		policies[resource.Values.Role] = append(policies[resource.Values.Role], policy)
	}
	require.NotEmpty(t, policies)
	return policies
}

// copyConfiguration copies growl-backend/terraform without what Terraform and people keep beside it.
func copyConfiguration(t *testing.T, dir string) {
	t.Helper()
	for _, pattern := range []string{"*.tf", "*.tfvars", "*.tftpl", "*.sh", ".terraform.lock.hcl"} {
		files, err := filepath.Glob(filepath.Join("..", "..", terraformDir, pattern))
		require.NoError(t, err)
		for _, file := range files {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, os.MkdirAll(dir, 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(file)), content, 0o600))
		}
	}
}
