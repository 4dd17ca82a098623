package targets_test

import (
	"bufio"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/iam"
	"github.com/growl-dev/deploy/internal/magetest"
)

// TestTheDocumentedPolicyIsNeededAndEnough does everything that a deployer does as a role with exactly the policy of
// docs/adopt.md. Then each action of each statement has to be needed by one of the calls.
func TestTheDocumentedPolicyIsNeededAndEnough(t *testing.T) {
	t.Parallel()
	mage := compileMagefile(t, ".")
	env, vars := startSandbox(t)
	putAlarm(t, vars, "orders-errors")
	group := env.Fleet.TargetGroups[0]
	account := strings.Split(group, ":")[4]
	policy, err := iam.Parse([]byte(strings.NewReplacer(
		"TARGET_GROUP_ARN", group, "REGION", "eu-central-1", "ACCOUNT", account, "REPOSITORY", "orders-api",
		"BUCKET", "orders-state", "PREFIX", "ledger", "SERVICE", "orders-api", "ENVIRONMENT", "staging",
	).Replace(fenced(t, "docs/adopt.md", "deployer's policy", "json"))))
	require.NoError(t, err)
	role := env.AddRole("deployer", policy)

	s := newShell(t)
	for name, value := range vars {
		s.vars = append(s.vars, name+"="+value)
	}
	s.vars = append(s.vars, role.Env()...)
	roll := func(tag string) []string {
		return []string{"deploy", "staging", "-tag=" + tag, "-policy=" + vars["POLICY"], "-alarms=orders-errors"}
	}
	s.ok(t, mage, append(roll(env.V2), "-dryRun")...)
	s.ok(t, mage, roll("latest")...)
	s.ok(t, mage, "deploy:status", "staging")
	killWhenDraining(t, s, mage, roll(env.V1)...)
	holds := regexp.MustCompile(`\d{8}T\d{6}Z-\w+`).FindString(s.ok(t, mage, "deploy:status", "staging"))
	s.ok(t, mage, "deploy:unlock", "staging", "-run="+holds)
	s.ok(t, mage, "deploy:heal", "staging", "-policy="+vars["POLICY"])
	s.ok(t, mage, roll(env.V1)...)
	s.ok(t, mage, "deploy:rollback", "staging", "-policy="+vars["POLICY"])
	assert.Contains(t, s.ok(t, mage, "deploy:history", "staging"), "deployed")

	for _, denied := range role.Denied() {
		t.Errorf("the role may not %s", denied)
	}
	for _, grant := range policy.Grants() {
		less := []iam.Policy{policy.Without(grant)}
		denied := func(r iam.Request) bool { return !iam.Allows(less, r) }
		// AWS demands BatchCheckLayerAvailability for a pull, as the document says, and Docker's own client does not call it.
		needed := grant.Action != "ecr:BatchCheckLayerAvailability"
		assert.Equal(t, needed, slices.ContainsFunc(role.Allowed(), denied), "%s of statement %s", grant.Action, grant.Sid)
	}
}

// killWhenDraining kills a deploy that has taken an instance out of the load balancer.
func killWhenDraining(t *testing.T, s shell, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = s.dir, magetest.Environ(s.vars...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var output strings.Builder
	lines := bufio.NewScanner(io.TeeReader(out, &output))
	draining := regexp.MustCompile(`drain +begun`)
	for lines.Scan() && !draining.MatchString(lines.Text()) {
	}
	require.Regexp(t, draining, output.String())
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
}

// putAlarm makes an alarm that is not in alarm, as the administrator.
func putAlarm(t *testing.T, vars map[string]string, name string) {
	t.Helper()
	cfg, err := awsconfig.LoadDefaultConfig(t.Context(),
		awsconfig.WithRegion(vars["AWS_REGION"]), awsconfig.WithBaseEndpoint(vars["AWS_ENDPOINT_URL"]),
		awsconfig.WithSharedConfigFiles(nil), awsconfig.WithSharedCredentialsFiles(nil),
		awsconfig.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(vars["AWS_ACCESS_KEY_ID"], vars["AWS_SECRET_ACCESS_KEY"], "")))
	require.NoError(t, err)
	client := cloudwatch.NewFromConfig(cfg)
	_, err = client.PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, EvaluationPeriods: aws.Int32(1),
	})
	require.NoError(t, err)
	_, err = client.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: types.StateValueOk, StateReason: aws.String("test")})
	require.NoError(t, err)
}
