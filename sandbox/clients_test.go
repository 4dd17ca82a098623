package sandbox

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// person is somebody who uses an environment with clients that are not ours.
type person struct {
	*testing.T
	env *Environment
	dir string
}

// newPerson brings an environment up for the clients named, and skips where one
// is not installed.
func newPerson(t *testing.T, clients ...string) person {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a program for each call: run without -short")
	}
	for _, client := range clients {
		if _, err := exec.LookPath(client); err != nil {
			t.Skipf("needs %s on PATH", client)
		}
	}
	return person{t, start(t, Options{Service: growl(), Hollow: true}), t.TempDir()}
}

// types runs a command to its end and answers what it printed. What it has of AWS
// is the environment's, and of nobody else.
func (p person) types(words ...string) (string, error) {
	cmd := exec.CommandContext(context.WithoutCancel(p.Context()), words[0], words[1:]...)
	for _, line := range os.Environ() {
		if !strings.HasPrefix(line, "AWS_") {
			cmd.Env = append(cmd.Env, line)
		}
	}
	cmd.Env = append(append(cmd.Env, p.env.Env()...), "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_PAGER=")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// aws is the aws command. Debian 12's does not know AWS_ENDPOINT_URL yet.
func (p person) aws(words ...string) string {
	p.Helper()
	said, err := p.types(append([]string{"aws", "--output=text", "--endpoint-url=" + p.env.awsURL}, words...)...)
	assert.NoError(p, err, "%v: %s", words, said)
	return said
}

// TestAWSCommand makes every call that the endpoint serves.
func TestAWSCommand(t *testing.T) {
	t.Parallel()
	p := newPerson(t, "aws")
	t.Run("services", func(t *testing.T) {
		for name, use := range map[string]func(person){"elbv2": useLoadBalancer, "ecr": useRegistry, "s3": useBuckets, "cloudwatch": useAlarms} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				use(person{t, p.env, t.TempDir()})
			})
		}
	})
	for _, server := range []interface {
		Actions() []string
		Calls() map[string]int
	}{p.env.aws, p.env.s3} {
		calls := server.Calls()
		for _, action := range server.Actions() {
			assert.Positive(t, calls[action], "the aws command was never seen to make the call %s", action)
		}
	}
}

func useLoadBalancer(p person) {
	assert.Regexp(p, `^\d{12}$`, p.aws("sts", "get-caller-identity", "--query=Account"))
	balancer := p.aws("elbv2", "describe-load-balancers", "--query=LoadBalancers[0].LoadBalancerArn")
	assert.Contains(p, p.aws("elbv2", "describe-load-balancer-attributes", "--load-balancer-arn="+balancer), "load_balancing.cross_zone.enabled")
	group := p.aws("elbv2", "describe-target-groups", "--query=TargetGroups[0].TargetGroupArn")
	require.Equal(p, p.env.Fleet.TargetGroups[0], group)
	assert.Contains(p, p.aws("elbv2", "describe-listeners", "--load-balancer-arn="+balancer), group)

	p.aws("elbv2", "add-tags", "--resource-arns="+group, "--tags=Key=Team,Value=backend")
	assert.Contains(p, p.aws("elbv2", "describe-tags", "--resource-arns="+group), "Team\tbackend")
	p.aws("elbv2", "remove-tags", "--resource-arns="+group, "--tag-keys=Team")
	assert.NotContains(p, p.aws("elbv2", "describe-tags", "--resource-arns="+group), "Team")

	const delay = "deregistration_delay.timeout_seconds"
	p.aws("elbv2", "modify-target-group-attributes", "--target-group-arn="+group, "--attributes=Key="+delay+",Value=7")
	assert.Contains(p, p.aws("elbv2", "describe-target-group-attributes", "--target-group-arn="+group), delay+"\t7")

	target := "--targets=Id=" + p.env.Fleet.Instances[0].ID
	health := func() string {
		return p.aws("elbv2", "describe-target-health", "--target-group-arn="+group, target, "--query=TargetHealthDescriptions[0].TargetHealth.State")
	}
	assert.Equal(p, "healthy", health())
	p.aws("elbv2", "deregister-targets", "--target-group-arn="+group, target)
	assert.Contains(p, []string{"draining", "unused"}, health())
	p.aws("elbv2", "register-targets", "--target-group-arn="+group, target)
	assert.Contains(p, []string{"initial", "healthy"}, health())

	said, err := p.types("aws", "--endpoint-url="+p.env.awsURL, "elbv2", "deregister-targets", "--target-group-arn="+group+"x", target)
	require.Error(p, err)
	assert.Contains(p, said, "(TargetGroupNotFound)", "an error of AWS's own is not told as one")
}

func useRegistry(p person) {
	assert.NotEmpty(p, p.aws("ecr", "get-login-password"))
	repository := "--repository-name=" + growl().Name
	arn := p.aws("ecr", "describe-repositories", "--repository-names="+growl().Name, "--query=repositories[0].repositoryArn")
	p.aws("ecr", "list-tags-for-resource", "--resource-arn="+arn)
	assert.Contains(p, p.aws("ecr", "list-images", repository), p.env.V2)
	digest := p.aws("ecr", "describe-images", repository, "--image-ids=imageTag="+p.env.V2, "--query=imageDetails[0].imageDigest")

	// A tag moves without a pull: the manifest is put again under its name.
	images, err := p.types("aws", "--endpoint-url="+p.env.awsURL, "--output=json", "ecr", "batch-get-image", repository, "--image-ids=imageTag="+p.env.V2)
	require.NoError(p, err, images)
	var found struct {
		Images []struct{ ImageManifest string }
	}
	require.NoError(p, json.Unmarshal([]byte(images), &found))
	require.Len(p, found.Images, 1)
	manifest := filepath.Join(p.dir, "manifest")
	require.NoError(p, os.WriteFile(manifest, []byte(found.Images[0].ImageManifest), 0o600))
	p.aws("ecr", "put-image", repository, "--image-tag=moved", "--image-manifest=file://"+manifest)
	assert.Equal(p, digest, p.aws("ecr", "describe-images", repository, "--image-ids=imageTag=moved", "--query=imageDetails[0].imageDigest"))
}

func useAlarms(p person) {
	p.aws("cloudwatch", "put-metric-alarm", "--alarm-name=errors", "--metric-name=m", "--namespace=n", "--statistic=Sum",
		"--comparison-operator=GreaterThanThreshold", "--evaluation-periods=1", "--period=60", "--threshold=1")
	p.aws("cloudwatch", "set-alarm-state", "--alarm-name=errors", "--state-value=ALARM", "--state-reason=by hand")
	state := func(name string) string {
		return p.aws("cloudwatch", "describe-alarms", "--alarm-names="+name, "--query=MetricAlarms[].[StateValue,StateReason]")
	}
	assert.Equal(p, "ALARM\tby hand", state("errors"))
	assert.Empty(p, state("nonesuch"))
	p.aws("cloudwatch", "delete-alarms", "--alarm-names=errors")
	assert.Empty(p, state("errors"))
}

func useBuckets(p person) {
	const bucket = "--bucket=things"
	file, back := filepath.Join(p.dir, "file"), filepath.Join(p.dir, "back")
	require.NoError(p, os.WriteFile(file, []byte("content"), 0o600))
	p.aws("s3api", "create-bucket", bucket, "--create-bucket-configuration=LocationConstraint="+p.env.Fleet.Region)
	p.aws("s3api", "head-bucket", bucket)
	assert.Contains(p, p.aws("s3api", "list-buckets"), "things")
	// These buckets serve every region: like us-east-1's they name none.
	assert.Equal(p, "None", p.aws("s3api", "get-bucket-location", bucket))
	p.aws("s3api", "put-object", bucket, "--key=a/b", "--body="+file)
	assert.Equal(p, "7", p.aws("s3api", "head-object", bucket, "--key=a/b", "--query=ContentLength"))
	p.aws("s3api", "get-object", bucket, "--key=a/b", back)
	content, err := os.ReadFile(back)
	require.NoError(p, err)
	assert.Equal(p, "content", string(content))
	for _, list := range []string{"list-objects", "list-objects-v2"} {
		assert.Equal(p, "a/b", p.aws("s3api", list, bucket, "--query=Contents[0].Key"), list)
	}
	p.aws("s3api", "delete-object", bucket, "--key=a/b")
	said, err := p.types("aws", "--endpoint-url="+p.env.awsURL, "s3api", "get-object", bucket, "--key=a/b", back)
	require.Error(p, err)
	assert.Contains(p, said, "(NoSuchKey)")
}

// TestSkopeo reads and writes images with skopeo, by ECR's token.
func TestSkopeo(t *testing.T) {
	t.Parallel()
	p := newPerson(t, "skopeo")
	token, _ := p.env.registry.Issue(nil)
	creds := filepath.Join(p.dir, "auth.json")
	host, _, _ := strings.Cut(p.env.Fleet.Repository, "/")
	login := exec.Command("skopeo", "login", "--authfile="+creds, "--tls-verify=false", "--username=AWS", "--password-stdin", host)
	login.Stdin = strings.NewReader(token)
	out, err := login.CombinedOutput()
	require.NoError(t, err, "%s", out)
	skopeo := func(words ...string) string {
		t.Helper()
		said, err := p.types(append([]string{"skopeo", "--insecure-policy"}, words...)...)
		require.NoError(t, err, "%v: %s", words, said)
		return said
	}
	repository := "docker://" + p.env.Fleet.Repository
	image, err := p.env.registry.Image(growl().Name, p.env.V2)
	require.NoError(t, err)

	inspected := skopeo("inspect", "--authfile="+creds, "--tls-verify=false", repository+":"+p.env.V2)
	assert.Contains(t, inspected, image.Digest)
	skopeo("copy", "--authfile="+creds, "--src-tls-verify=false", "--preserve-digests", repository+"@"+image.Digest, "dir:"+p.dir+"/image")
	skopeo("copy", "--authfile="+creds, "--dest-tls-verify=false", "--preserve-digests", "dir:"+p.dir+"/image", repository+":copied")
	assert.Contains(t, skopeo("list-tags", "--authfile="+creds, "--tls-verify=false", repository), "copied")
	copied, err := p.env.registry.Image(growl().Name, "copied")
	require.NoError(t, err)
	assert.Equal(t, image.Digest, copied.Digest)
	skopeo("copy", "--authfile="+creds, "--dest-tls-verify=false", "--format=oci", "dir:"+p.dir+"/image", repository+":oci")
	oci, err := p.env.registry.Image(growl().Name, "oci")
	require.NoError(t, err)
	assert.Equal(t, "application/vnd.oci.image.manifest.v1+json", oci.MediaType)

	said, err := p.types("skopeo", "inspect", "--tls-verify=false", "--creds=AWS:wrong", repository+":"+p.env.V2)
	require.Error(t, err)
	assert.Regexp(t, `(?i)unauthorized|authorization|denied|authentication required`, said)
}
