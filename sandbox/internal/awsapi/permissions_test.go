package awsapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/iam"
	"github.com/growl-dev/deploy/sandbox/internal/awsapi"
	"github.com/growl-dev/deploy/sandbox/internal/registry"
)

const roleKey = "ASIAROLE000000000000"

// heldTo is a second endpoint before the same far ends, with the SDK's configuration of a role, which has one policy.
// What the endpoint does not serve is answered by elsewhere.
func (c *cloud) heldTo(t *testing.T, elsewhere http.Handler, statements ...string) (*iam.Role, aws.Config) {
	t.Helper()
	policy, err := iam.Parse([]byte(`{"Version": "2012-10-17", "Statement": [` + strings.Join(statements, ",") + `]}`))
	require.NoError(t, err)
	role := iam.NewRole("arn:aws:sts::123456789012:assumed-role/ci/sandbox", policy)
	keys := &iam.Keys{}
	keys.Add(roleKey, role)
	site := httptest.NewServer(awsapi.New(c.balancer, c.registry, awsapi.Options{AccessKeyID: key, Roles: keys, RegistryURL: "http://127.0.0.1:5000", Elsewhere: elsewhere}))
	t.Cleanup(site.Close)
	return role, loadConfig(t, site.URL, roleKey)
}

func statement(action, resource string) string {
	return fmt.Sprintf(`{"Effect": "Allow", "Action": %q, "Resource": %q}`, action, resource)
}

func requireCode(t *testing.T, err error, code string) {
	t.Helper()
	var refused smithy.APIError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, code, refused.ErrorCode())
	require.Contains(t, refused.ErrorMessage(), "User: arn:aws:sts::123456789012:assumed-role/ci/sandbox is not authorized to perform: ")
}

func TestARoleRegistersInItsGroupAlone(t *testing.T) {
	c := newCloud(t)
	other := c.group.ARN[:len(c.group.ARN)-1] + "x"
	role, cfg := c.heldTo(t, nil, statement("elasticloadbalancing:RegisterTargets", c.group.ARN), statement("elasticloadbalancing:DescribeTargetHealth", "*"))
	client := elb.NewFromConfig(cfg)
	targets := []elbtypes.TargetDescription{{Id: aws.String("i-1")}}
	_, err := client.RegisterTargets(t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: &c.group.ARN, Targets: targets})
	require.NoError(t, err)
	_, err = client.RegisterTargets(t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: &other, Targets: targets})
	requireCode(t, err, "AccessDenied")
	_, err = client.DeregisterTargets(t.Context(), &elb.DeregisterTargetsInput{TargetGroupArn: &c.group.ARN, Targets: targets})
	requireCode(t, err, "AccessDenied")
	health, err := client.DescribeTargetHealth(t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: &c.group.ARN})
	require.NoError(t, err)
	require.Len(t, health.TargetHealthDescriptions, 1, "a denied call was done")
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, role.ARN(), *who.Arn)
}

// TestTheRegionOfACallIsPartOfItsContext: the same call is allowed in the region of the condition only.
func TestTheRegionOfACallIsPartOfItsContext(t *testing.T) {
	c := newCloud(t)
	for _, test := range []struct {
		region  string
		allowed bool
	}{{"us-west-1", true}, {"us-west-2", false}} {
		_, cfg := c.heldTo(t, nil, `{"Effect": "Allow", "Action": "cloudwatch:DescribeAlarms", "Resource": "*", "Condition": {"StringEquals": {"aws:RequestedRegion": "`+test.region+`"}}}`)
		_, err := cloudwatch.NewFromConfig(cfg).DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{"a"}})
		if test.allowed {
			require.NoError(t, err)
			continue
		}
		requireCode(t, err, "AccessDeniedException")
	}
}

func TestARoleReadsItsRepositoryAlone(t *testing.T) {
	c := newCloud(t, registry.Repository{Name: "web"}, registry.Repository{Name: "other"})
	_, cfg := c.heldTo(t, nil, statement("ecr:DescribeImages", "arn:aws:ecr:us-west-1:123456789012:repository/web"))
	client := ecr.NewFromConfig(cfg)
	_, err := client.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("web")})
	require.NoError(t, err)
	_, err = client.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("other")})
	requireCode(t, err, "AccessDeniedException")
	_, err = client.GetAuthorizationToken(t.Context(), nil)
	requireCode(t, err, "AccessDeniedException")
}

// TestWhatIsServedElsewhereIsDecidedHere sends calls as the SDK does to services that the endpoint does not serve.
func TestWhatIsServedElsewhereIsDecidedHere(t *testing.T) {
	c := newCloud(t)
	var passed []string
	elsewhere := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		passed = append(passed, string(body))
	})
	role, cfg := c.heldTo(t, elsewhere, statement("ec2:DescribeVpcs", "*"), statement("iam:GetRole", "arn:aws:iam::123456789012:role/web"),
		statement("ssm:GetParameter", "arn:aws:ssm:us-west-1:123456789012:parameter/web/env"),
		statement("ssm:GetParameter", "arn:aws:ssm:us-west-1::parameter/aws/service/ami-x"),
		statement("cloudwatch:ListTagsForResource", "arn:aws:cloudwatch:us-west-1:123456789012:alarm:web"))
	for _, test := range []struct {
		service, target, body string
		status                int
		says                  string
	}{
		{"ec2", "", "Action=DescribeVpcs", 200, ""},
		{"ec2", "", "Action=DescribeSubnets", 403, "<Errors><Error><Code>UnauthorizedOperation</Code>"},
		{"ec2", "", "Action=RunInstances", 501, "ec2:RunInstances is not mapped to the resources that it needs"},
		{"iam", "", "Action=GetRole&RoleName=web", 200, ""},
		{"iam", "", "Action=GetRole&RoleName=other", 403, "<Code>AccessDenied</Code>"},
		{"ssm", "AmazonSSM.GetParameter", `{"Name":"/web/env"}`, 200, ""},
		{"ssm", "AmazonSSM.GetParameter", `{"Name":"/aws/service/ami-x"}`, 200, ""},
		{"ssm", "AmazonSSM.GetParameter", `{"Name":"/other/env"}`, 400, `"__type":"AccessDeniedException"`},
		{"ssm", "AmazonSSM.DescribeParameters", `{}`, 400, `"__type":"AccessDeniedException"`},
		{"monitoring", "", "Action=ListTagsForResource&ResourceARN=arn:aws:cloudwatch:us-west-1:123456789012:alarm:web", 200, ""},
		{"monitoring", "GraniteServiceVersion20100801.ListTagsForResource", `{"ResourceARN":"arn:aws:cloudwatch:us-west-1:123456789012:alarm:web"}`, 200, ""},
		{"monitoring", "GraniteServiceVersion20100801.ListTagsForResource", `{"ResourceARN":"arn:aws:cloudwatch:us-west-1:123456789012:alarm:other"}`, 400, `"__type":"AccessDeniedException"`},
		{"kms", "TrentService.Decrypt", `{}`, 501, "kms:Decrypt is not mapped"},
	} {
		passed = nil
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, *cfg.BaseEndpoint, strings.NewReader(test.body))
		require.NoError(t, err)
		request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+roleKey+"/20260101/us-west-1/"+test.service+"/aws4_request, SignedHeaders=host, Signature=0")
		if test.target != "" {
			request.Header.Set("X-Amz-Target", test.target)
		}
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		said, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, test.status, response.StatusCode, "%s %s: %s", test.service, test.body, said)
		assert.Contains(t, string(said), test.says)
		if test.status == http.StatusOK {
			assert.Equal(t, []string{test.body}, passed)
		} else {
			assert.Empty(t, passed, "%s %s was passed on", test.service, test.body)
		}
	}
	assert.Len(t, role.Allowed(), 5)
}
