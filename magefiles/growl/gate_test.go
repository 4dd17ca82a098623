package growl_test

import (
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/tftest"
	"github.com/growl-dev/deploy/rollout"
)

// TestTheGateOnRealTerraform is one story of a user's commands with the real
// terraform, its real AWS provider and its state in S3: each run of terraform
// takes seconds.
func TestTheGateOnRealTerraform(t *testing.T) {
	needTime(t)
	tftest.NeedProvider(t)
	t.Parallel()
	s := newStack(t)
	s.withTerraform()
	s.ok("env:seal")
	for _, command := range []string{"infra:drift", "infra:plan"} {
		assert.Contains(t, s.refuses(nil, command, "dev"), "there is no such workspace: go tool mage infra:apply dev makes the environment")
	}
	assert.False(t, s.stored(stateKey), "a plan made the workspace")
	s.ok("infra:apply", "dev")
	require.Contains(t, s.object(stateKey), `"aws_lb_target_group_attachment"`)

	for _, step := range []struct {
		name string
		test func(*testing.T, *stack)
	}{
		{"in sync, from another workspace", gatePasses},
		{"changed by hand", gateSeesHands},
		{"changed in the code", gateSeesCode},
		{"changed outputs", gateSeesOutputs},
		{"locked by somebody else", gateIsNotLocked},
		{"another bucket", gateReadsTheBucketItIsGiven},
		{"broken credentials", gateNeedsCredentials},
		{"an instance with another env file", gateLeavesEnvFilesToTheSeal},
		{"a deploy", gateLetsADeployPass},
	} {
		require.True(t, t.Run(step.name, func(t *testing.T) {
			outer := s.t
			defer func() { s.t = outer }()
			s.t = t
			step.test(t, s)
		}), "the story ends here")
	}
	s.requireNoCanary()
}

const (
	stateKey = "env:/dev/growl-backend/terraform.tfstate"
	lockKey  = stateKey + ".tflock"
)

// stored reports whether the bucket holds an object.
func (s *stack) stored(key string) bool {
	s.t.Helper()
	bucket := defaultBucket
	list, err := s.bucket().ListObjectsV2(s.t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &key})
	require.NoError(s.t, err)
	return len(list.Contents) > 0
}

func gatePasses(t *testing.T, s *stack) {
	selected := terraformDir + "/.terraform/dev/environment"
	s.write(selected, "prod")
	assert.Contains(t, s.ok("infra:drift", "dev"), "no drift: dev is as the code says")
	content, err := os.ReadFile(s.path(selected))
	require.NoError(t, err)
	assert.Equal(t, "dev", string(content))
}

// gateSeesHands takes a target out, retags the group and shortens its delay. A
// deploy over that touches nothing.
func gateSeesHands(t *testing.T, s *stack) {
	balancer := elb.NewFromConfig(s.aws(t))
	group, left := &s.fleet.TargetGroups[0], s.fleet.Instances[1].ID
	_, err := balancer.DeregisterTargets(t.Context(), &elb.DeregisterTargetsInput{
		TargetGroupArn: group, Targets: []types.TargetDescription{{Id: &left, Port: aws.Int32(8080)}},
	})
	require.NoError(t, err)
	tag := func(value string) {
		_, err = balancer.AddTags(t.Context(), &elb.AddTagsInput{
			ResourceArns: []string{*group}, Tags: []types.Tag{{Key: aws.String("Service"), Value: &value}},
		})
		require.NoError(t, err)
	}
	tag("theirs")
	s.delay("10")
	before := s.inspect(t)
	file := s.path("report.json")
	dry := s.refuses(nil, append(s.deploy(s.vars["V2"]), "-dryRun")...)
	for _, output := range []string{s.refuses(nil, "infra:drift", "dev"), dry, s.refuses(nil, append(s.deploy(s.vars["V2"]), "-report="+file)...)} {
		assert.Contains(t, output, "drift: ")
		assert.Contains(t, output, `aws_lb_target_group_attachment.service["growl-backend-2"] (gone)`)
		assert.Contains(t, output, "aws_lb_target_group.service (update: deregistration_delay, tags.Service)")
		assert.NotContains(t, output, "not applied")
		assert.Contains(t, output, "go tool mage infra:apply dev")
	}
	assertOutcome(t, file, rollout.Refused)
	assert.Equal(t, before, s.inspect(t), "a refused run changed a container")

	tag("growl-backend")
	s.delay("300")
	_, err = balancer.RegisterTargets(t.Context(), &elb.RegisterTargetsInput{
		TargetGroupArn: group, Targets: []types.TargetDescription{{Id: &left, Port: aws.Int32(8080)}},
	})
	require.NoError(t, err)
	s.awaitHealthy(t)
}

// delay sets the group's deregistration delay by hand.
func (s *stack) delay(seconds string) {
	s.t.Helper()
	_, err := elb.NewFromConfig(s.aws(s.t)).ModifyTargetGroupAttributes(s.t.Context(), &elb.ModifyTargetGroupAttributesInput{
		TargetGroupArn: &s.fleet.TargetGroups[0],
		Attributes:     []types.TargetGroupAttribute{{Key: aws.String("deregistration_delay.timeout_seconds"), Value: &seconds}},
	})
	require.NoError(s.t, err)
}

func gateSeesCode(t *testing.T, s *stack) {
	s.write(devEnv, "\n")
	for _, command := range [][]string{{"infra:drift", "dev"}, {"infra:apply", "dev"}, {"infra:apply", "dev", "-oneByOne"}, s.deploy(s.vars["V2"])} {
		output := s.refuses(nil, command...)
		assert.Contains(t, output, ".env.dev", command)
		assert.Regexp(t, "the env file is not the one that was sealed|it has no variable", output, command)
		assert.NotContains(t, output, "not applied", command)
	}
	s.variables(310)
	s.write(devEnv, canaryEnv+"MORE=1\n")
	s.ok("env:seal")
	output := s.refuses(nil, "infra:drift", "dev")
	assert.Contains(t, output, "not applied: aws_lb_target_group.service (update: deregistration_delay), terraform_data.env (update: input)")
	assert.NotContains(t, output, "drift: ")
	s.variables(300)
	s.write(devEnv, canaryEnv)
	s.ok("env:seal")
}

// gateSeesOutputs changes the outputs, so that the fleet that a deploy reads differs from the code.
func gateSeesOutputs(t *testing.T, s *stack) {
	user := s.fleet.User
	s.fleet.User = "somebody"
	s.variables(300)
	assert.Contains(t, s.refuses(nil, "infra:drift", "dev"), "not applied: output.user (update): look")
	assert.Contains(t, s.ok("infra:plan", "dev"), "not applied, the code was changed: output.user (update)")
	s.ok("infra:apply", "dev")
	assert.Contains(t, s.ok("infra:output", "dev"), `"user": "somebody"`)
	s.ok("infra:drift", "dev")
	s.fleet.User = user
	s.variables(300)
	s.ok("infra:apply", "dev")
}

// gateIsNotLocked checks that the gate, which only reads, does not wait for the lock.
func gateIsNotLocked(t *testing.T, s *stack) {
	bucket, key := defaultBucket, lockKey
	lock := `{"ID":"0c9b1d2e-1111-2222-3333-444455556666","Operation":"OperationTypeApply","Info":"","Who":"ann@laptop","Version":"1.11.4","Created":"2026-01-02T03:04:05Z","Path":"growl-tf-state/` + stateKey + `"}`
	_, err := s.bucket().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(lock)})
	require.NoError(t, err)
	s.ok("infra:drift", "dev")
	output := s.refuses(nil, "infra:plan", "dev")
	assert.Contains(t, output, "the state is locked by ann@laptop since 2026-01-02")
	assert.Contains(t, output, "terraform force-unlock 0c9b1d2e-1111-2222-3333-444455556666")
	assert.Equal(t, lock, s.object(lockKey), "somebody else's lock was changed")
	_, err = s.bucket().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key})
	require.NoError(t, err)
}

// gateReadsTheBucketItIsGiven: a fork cannot own the bucket of this project.
func gateReadsTheBucketItIsGiven(t *testing.T, s *stack) {
	fork := "a-fork-s-state"
	_, err := s.bucket().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &fork})
	require.NoError(t, err)
	output := s.refuses([]string{"TF_STATE_BUCKET=" + fork}, "infra:drift", "dev")
	assert.Contains(t, output, "there is no such workspace")
	s.ok("infra:drift", "dev")
}

func gateNeedsCredentials(t *testing.T, s *stack) {
	for name, key := range map[string]string{"of nobody": "AKIANONESUCH", "none": ""} {
		output := s.refuses([]string{"AWS_ACCESS_KEY_ID=" + key}, "infra:drift", "dev")
		assert.Regexp(t, `(?i)access key|credential`, output, name)
		assert.Less(t, len(output), 700, "%s: %s", name, output)
		t.Log(output)
	}
}

func gateLeavesEnvFilesToTheSeal(t *testing.T, s *stack) {
	s.onInstance(2, canaryEnv+"MORE=1\n")
	output := s.refuses(nil, s.deploy(s.vars["V2"])...)
	assert.Contains(t, output, s.fleet.Instances[2].ID)
	assert.Contains(t, output, "is not the env file that was sealed")
	assert.Contains(t, output, "infra:apply dev -oneByOne")
	assert.Contains(t, output, "-allowEnvDrift")
	assert.NotContains(t, output, s.fleet.Instances[0].ID)
	s.onInstance(2, canaryEnv)
}

// gateLetsADeployPass: fleet, gate and seal are all Terraform's and real.
func gateLetsADeployPass(t *testing.T, s *stack) {
	file := s.path("report.json")
	s.ok(append(s.deploy(s.vars["V2"]), "-report="+file)...)
	assertOutcome(t, file, rollout.Deployed)
	for id, r := range s.inspect(t) {
		assert.Equal(t, s.vars["V2"], r.commit, id)
	}
	s.ok("infra:drift", "dev")
	s.ok("infra:output", "dev")
	s.ok("infra:plan", "dev")
}
