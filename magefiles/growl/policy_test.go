package growl_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/ecr"
	"github.com/growl-dev/deploy/internal/iam"
	"github.com/growl-dev/deploy/internal/magetest"
	"github.com/growl-dev/deploy/internal/tftest"
	"github.com/growl-dev/deploy/ledger"
	"github.com/growl-dev/deploy/magefiles/growl"
	"github.com/growl-dev/deploy/rollout"
	"github.com/growl-dev/deploy/sandbox"
)

// TestEveryRoleMayDoItsWorkAndNothingElse runs the commands of each environment's workflows, as the role of GitHub
// Actions with its policies as Terraform plans them: terraform init and the drift gate of the real configuration, a
// whole deploy, recovery, rollback, and dev's build and push. Then it compares the policies with the requests: at least
// one request needs each action of each statement, and the calls have all permissions that they need because they
// succeeded.
func TestEveryRoleMayDoItsWorkAndNothingElse(t *testing.T) {
	needTime(t)
	tftest.NeedProvider(t)
	t.Parallel()
	for _, environment := range []string{"dev", "prod"} {
		t.Run(environment, func(t *testing.T) {
			t.Parallel()
			c := newCI(t, environment)
			c.gate()
			c.makeStack()
			c.leaveBefore()
			if environment == "prod" {
				c.promote()
			}
			c.deploy()
			c.heal()
			c.rollback()
			if environment == "dev" {
				c.push()
			}
			c.tunnel()
			for _, denied := range c.role.Denied() {
				t.Errorf("the role may not %s", denied)
			}
			assertEachActionIsNeeded(t, c.role.Policies(), c.role.Allowed(), spare[environment])
			c.assertForeignDenied()
			c.assertInstances()
		})
	}
}

// ci is a job of an environment's workflow at a sandbox.
type ci struct {
	*stack
	environment string
	env         *sandbox.Environment
	recording   *recording
	role        sandbox.Role
	// policies are those of all roles, by the role's name.
	policies map[string][]iam.Policy
	// admin are the variables of whoever made the environment.
	admin map[string]string
}

func newCI(t *testing.T, environment string) *ci {
	t.Helper()
	r := openRecording(t, environment)
	region := regionsOf[environment]
	o := growl.Sandbox()
	o.Environment, o.Instances, o.Factor, o.Elsewhere = environment, 2, 60, r
	o.Region, o.Zones, o.RegistryRegion = region, []string{region + "a", region + "c"}, "us-west-1"
	env, err := sandbox.Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, env.Close()) })
	c := &ci{
		stack:       &stack{place: place{program: magetest.Program(t), fleet: env.Fleet, vars: map[string]string{}}, t: t},
		environment: environment, env: env, recording: r,
	}
	for _, line := range env.Env() {
		name, value, _ := strings.Cut(line, "=")
		c.vars[name] = value
	}
	c.vars["POLICY"] = unhurried(t, c.vars["POLICY"])
	c.vars["AWS_EC2_METADATA_DISABLED"] = "true"
	delete(c.vars, "FLEET") // it comes from the outputs
	c.admin = c.vars
	r.at(c.realARNs()...)
	c.policies = rolePolicies(t, r)
	name := "growl-backend-" + environment + "-github"
	require.Len(t, c.policies[name], 2)
	c.role = env.AddRole(name, c.policies[name]...)
	c.onInstances(canaryEnv)
	return c
}

// realARNs are pairs of what the recording names and what the sandbox has in its place.
func (c *ci) realARNs() []string {
	t := c.t
	const of, id = "arn:aws:elasticloadbalancing:us-west-1:123456789012:", "/growl-backend-dev/0123456789abcdef"
	balancers, err := elb.NewFromConfig(c.aws(t)).DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{})
	require.NoError(t, err)
	balancer := balancers.LoadBalancers[0].LoadBalancerArn
	listeners, err := elb.NewFromConfig(c.aws(t)).DescribeListeners(t.Context(), &elb.DescribeListenersInput{LoadBalancerArn: balancer})
	require.NoError(t, err)
	instance := c.fleet.Instances[0].ID
	return []string{
		of + "listener/net" + id + "/0123456789abcdef", *listeners.Listeners[0].ListenerArn,
		of + "loadbalancer/net" + id, *balancer, of + "targetgroup" + id, c.fleet.TargetGroups[0],
		`"i-1"`, `"` + instance + `"`, ">i-1<", ">" + instance + "<",
	}
}

// checkout makes a fresh checkout, in which no terraform was ever initialised, and runs what follows in it.
func (c *ci) checkout() {
	t := c.t
	c.root = t.TempDir()
	c.vars["TMPDIR"] = filepath.Join(c.root, "tmp")
	require.NoError(t, os.MkdirAll(c.vars["TMPDIR"], 0o700))
	c.write("terraformrc", tftest.CLIConfig(tftest.NeedProvider(t)))
	c.vars["TF_CLI_CONFIG_FILE"] = c.path("terraformrc")
	c.write(terraformDir+"/.env."+c.environment, canaryEnv)
	c.ok("env:seal")
}

// asJob runs the following commands as the job's role; asAdmin as whoever makes the environment.
func (c *ci) asJob() {
	c.vars = maps.Clone(c.vars)
	for _, line := range c.role.Env() {
		name, value, _ := strings.Cut(line, "=")
		c.vars[name] = value
	}
}

func (c *ci) asAdmin() {
	vars := maps.Clone(c.vars)
	vars["AWS_ACCESS_KEY_ID"], vars["AWS_SECRET_ACCESS_KEY"] = c.admin["AWS_ACCESS_KEY_ID"], c.admin["AWS_SECRET_ACCESS_KEY"]
	c.vars = vars
}

// gate runs the drift gate of the real configuration over a state in the bucket, from a fresh checkout. The recording
// has one resource of each kind with few of its attributes, so the gate finds differences. It must report them, and not
// a missing permission.
func (c *ci) gate() {
	t := c.t
	c.checkout()
	copyConfiguration(t, c.path(terraformDir))
	// Buckets are in the path here, which the backend must be told; all else is as committed.
	backend, err := os.ReadFile(c.path(terraformDir + "/backend.tf"))
	require.NoError(t, err)
	c.write(terraformDir+"/backend.tf", strings.Replace(string(backend), "encrypt ", "use_path_style = true\n    encrypt ", 1))
	c.ok("env:seal")
	c.putAlarm("growl-backend-" + c.environment + "-unhealthy-hosts")
	c.putState(c.recording.state(t, committedInstances(t, c.environment)))
	c.asJob()
	output := c.refuses(nil, "infra:drift", c.environment)
	assert.Contains(t, output, c.environment+" is not as its Terraform configuration says")
	assert.Empty(t, c.recording.unanswered(), "the provider reads what infra/testdata/plan-calls does not answer")
	c.asAdmin()
}

// putState writes text as the environment's state; without a text it removes the state.
func (c *ci) putState(text string) {
	t := c.t
	bucket, key := defaultBucket, "env:/"+c.environment+"/growl-backend/terraform.tfstate"
	client := c.bucket()
	if text == "" {
		_, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key})
		require.NoError(t, err)
		return
	}
	_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(text)})
	require.NoError(t, err)
}

// putAlarm makes an alarm that is not in alarm.
func (c *ci) putAlarm(name string) {
	t, client := c.t, cloudwatch.NewFromConfig(c.aws(c.t))
	_, err := client.PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold, EvaluationPeriods: aws.Int32(1),
	})
	require.NoError(t, err)
	_, err = client.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: cwtypes.StateValueOk, StateReason: aws.String("test")})
	require.NoError(t, err)
}

const guardAlarm = "errors"

// makeStack applies, as the administrator, a configuration of what the sandbox has. Its gate passes, so that a deploy
// begins with terraform init and the gate and goes on to its end.
func (c *ci) makeStack() {
	c.putState("")
	c.putAlarm(guardAlarm)
	for _, job := range []bool{false, true} { // the job has a checkout of its own
		c.checkout()
		c.configured("stack")
		c.write(terraformDir+"/terraform-"+c.environment+".tfvars", tftest.Variables(c.t, map[string]any{
			"environment": c.environment, "region": c.fleet.Region, "registry_region": c.fleet.RegistryRegion, "user": c.fleet.User,
			"load_balancer": c.vars["NLB"], "target_group": c.fleet.TargetGroups[0], "deregistration_delay": 300, "instances": c.fleet.Instances,
		}))
		if !job {
			c.ok("infra:apply", c.environment)
		}
	}
	c.asJob()
}

// roll is the command line that rolls a release out.
func (c *ci) roll(tag string) []string {
	if c.environment == "prod" {
		return []string{"deploy:prod", tag, "-yes", "-alarms=" + guardAlarm, c.policy()}
	}
	return append(c.stack.deploy(tag), "-alarms="+guardAlarm)
}

// promote writes into dev's history, as the administrator, that dev ran the release that prod gets.
func (c *ci) promote() {
	t := c.t
	c.asAdmin()
	defer c.asJob()
	images, err := ecr.NewFromConfig(c.aws(t), c.fleet.Repository, ecr.Options{Region: c.fleet.RegistryRegion})
	require.NoError(t, err)
	for _, commit := range []string{c.vars["V1"], c.vars["V2"]} {
		image, err := images.Resolve(t.Context(), commit)
		require.NoError(t, err)
		run := rollout.NewID(time.Now())
		lease, err := c.place.ledger(t).Acquire(t.Context(), ledger.Holder{RunID: run, Owner: "dev"})
		require.NoError(t, err)
		release := rollout.Release{Image: c.fleet.Repository + "@" + image.Digest, Tag: commit, Commit: commit}
		require.NoError(t, lease.Finish(t.Context(), rollout.Result{
			Run: run, Environment: "dev", Outcome: rollout.Deployed, Release: release,
			Instances: []rollout.InstanceResult{{ID: "i-1", Outcome: rollout.Updated, Release: image.Digest}},
		}))
	}
}

// leaveBefore leaves, as the administrator, what a program of before keys were SERVICE/ENV wrote, so that the first run
// moves the ledger: the environment's own, and dev's, which prod compares with.
func (c *ci) leaveBefore() {
	t := c.t
	c.asAdmin()
	defer c.asJob()
	folder := filepath.Join("..", "..", "ledger", "testdata", "before")
	records, err := filepath.Glob(filepath.Join(folder, "history", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, records)
	idle, err := os.ReadFile(filepath.Join(folder, "idle.json"))
	require.NoError(t, err)
	leave := func(key string, data []byte) {
		_, err := c.store(t).Put(t.Context(), key, data, ledger.Absent)
		require.NoError(t, err)
	}
	for _, environment := range slices.Compact([]string{"dev", c.environment}) {
		leave(environment+"/current", bytes.Replace(idle, []byte(`"dev"`), []byte(`"`+environment+`"`), 1))
		for _, file := range records {
			record, err := os.ReadFile(file)
			require.NoError(t, err)
			// Those runs deployed the commits of this sandbox, with other digests, and prod compares.
			for _, commit := range []string{c.vars["V1"], c.vars["V2"]} {
				record = bytes.ReplaceAll(record, []byte(commit), []byte(strings.Repeat("0", len(commit))))
			}
			leave(environment+"/history/"+strings.TrimSuffix(filepath.Base(file), ".json"), record)
		}
	}
}

func (c *ci) deploy() {
	c.ok(append(c.roll(c.vars["V2"]), "-dryRun")...)
	c.ok(c.roll(c.vars["V2"])...)
	for id, r := range c.inspect(c.t) {
		assert.Equal(c.t, c.vars["V2"], r.commit, id)
	}
	c.ok("deploy:status", c.environment)
	assert.Contains(c.t, c.ok("deploy:history", c.environment), "20261129T150130Z-9dd9", "the history of before is not read")
}

// heal kills a deploy that has taken an instance out, and puts the instance back.
func (c *ci) heal() {
	t := c.t
	run := c.startIn(c.root, nil, c.roll(c.vars["V1"])...)
	run.await(t, `drain +begun`)
	run.kill()
	books, err := ledger.Open(c.store(t), "growl-backend/"+c.environment, ledger.Options{})
	require.NoError(t, err)
	status, err := books.Current(t.Context())
	require.NoError(t, err)
	require.NotNil(t, status.Lease)
	c.ok("deploy:unlock", c.environment, "-run="+status.Lease.RunID)
	c.ok("deploy:heal", c.environment, c.policy())
	c.assertHealthy(t)
}

func (c *ci) rollback() {
	c.ok(c.roll(c.vars["V1"])...)
	c.ok("deploy:rollback", c.environment, c.policy())
	for id, r := range c.inspect(c.t) {
		assert.Equal(c.t, c.vars["V2"], r.commit, id)
	}
}

// tunnel decides the requests of the workflow's SSH_PROXY_COMMAND, aws ec2-instance-connect open-tunnel to port 22 of
// each instance, because the sandbox has no such endpoint.
func (c *ci) tunnel() {
	for _, address := range []string{networksOf[c.environment] + "0.11", networksOf[c.environment] + "1.11"} {
		assert.NoError(c.t, c.role.Authorize(iam.Request{
			Action:   "ec2-instance-connect:OpenTunnel",
			Resource: "arn:aws:ec2:" + regionsOf[c.environment] + ":" + sandboxAccount + ":instance-connect-endpoint/eice-1",
			Context:  map[string]string{"ec2-instance-connect:remoteport": "22", "ec2-instance-connect:privateipaddress": address},
		}))
	}
}
