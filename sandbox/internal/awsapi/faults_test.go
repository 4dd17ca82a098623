package awsapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/sandbox/internal/awsapi"
	"github.com/growl-dev/deploy/sandbox/internal/balancer"
	"github.com/growl-dev/deploy/sandbox/internal/registry"
)

// both calls an action of each protocol and returns the errors.
func (c *cloud) both(t *testing.T) (query, json error) {
	_, query = c.elb.DescribeTargetHealth(impatient(t), &elb.DescribeTargetHealthInput{TargetGroupArn: &c.group.ARN})
	_, json = c.ecr.DescribeRepositories(impatient(t), &ecr.DescribeRepositoriesInput{})
	return query, json
}

func TestFaultsInBothProtocols(t *testing.T) {
	for name, row := range map[string]struct {
		faults      awsapi.Faults
		query, json string
		throttle    aws.Ternary
	}{
		"throttle": {awsapi.Faults{Throttle: 1}, "Throttling", "ThrottlingException", aws.TrueTernary},
		"errors":   {awsapi.Faults{Errors: 1}, "InternalFailure", "InternalFailure", aws.UnknownTernary},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			c.SetFaults(row.faults)
			query, json := c.both(t)
			assert.Equal(t, row.query, code(t, query))
			assert.Equal(t, row.json, code(t, json))
			throttles := retry.IsErrorThrottles(retry.DefaultThrottles)
			assert.Equal(t, row.throttle, throttles.IsErrorThrottle(query), "as the SDK judges it")
			assert.Equal(t, row.throttle, throttles.IsErrorThrottle(json), "as the SDK judges it")
			c.SetFaults(awsapi.Faults{})
			query, json = c.both(t)
			require.NoError(t, query)
			require.NoError(t, json)
			assert.Equal(t, map[string]int{"DescribeTargetHealth": 2, "DescribeRepositories": 2}, c.Calls())
		})
	}
}

func TestCredentialsOfAnotherEnvironment(t *testing.T) {
	c := newCloud(t)
	stranger := loadConfig(t, c.url, "AKIASTRANGER00000000")
	c.elb, c.ecr = elb.NewFromConfig(stranger), ecr.NewFromConfig(stranger)
	query, json := c.both(t)
	assert.Equal(t, "InvalidClientTokenId", code(t, query))
	assert.Equal(t, "UnrecognizedClientException", code(t, json))

	elsewhere := c.config.Copy()
	elsewhere.Region = "us-west-2"
	c.elb, c.ecr = elb.NewFromConfig(elsewhere), ecr.NewFromConfig(elsewhere)
	query, json = c.both(t)
	assert.Equal(t, "SignatureDoesNotMatch", code(t, query))
	assert.Equal(t, "InvalidSignatureException", code(t, json))
	_, err := sts.NewFromConfig(elsewhere).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	require.NoError(t, err, "STS is in every region")
}

func TestUnsignedRequests(t *testing.T) {
	c := newCloud(t)
	for version, namespace := range map[string]string{
		"2015-12-01": "elasticloadbalancing.amazonaws.com",
		"2011-06-15": "sts.amazonaws.com",
	} {
		response, err := http.Post(c.url, "application/x-www-form-urlencoded", strings.NewReader("Action=GetCallerIdentity&Version="+version))
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		_ = response.Body.Close()
		assert.Equal(t, http.StatusForbidden, response.StatusCode)
		assert.Contains(t, string(body), "<Code>MissingAuthenticationToken</Code>")
		assert.Contains(t, string(body), namespace)
		assert.NotEmpty(t, response.Header.Get("X-Amzn-RequestId"))
	}
}

func FuzzRequests(f *testing.F) {
	signed := "AWS4-HMAC-SHA256 Credential=" + key + "/20260101/us-west-1/elasticloadbalancing/aws4_request, SignedHeaders=host, Signature=00"
	f.Add(signed, "", "Action=RegisterTargets&TargetGroupArn=x&Targets.member.1.Id=i-1&Targets.member.1.Port=1")
	f.Add(signed, "AmazonEC2ContainerRegistry_V20150921.PutImage", `{"repositoryName":"web","imageTag":"v 1","imageManifest":"{}"}`)
	f.Add(signed, "AmazonEC2ContainerRegistry_V20150921.DescribeImages", `{"repositoryName":"web","nextToken":"-1","maxResults":-1}`)
	f.Add("AWS4-HMAC-SHA256 Credential=a/b", "x", "%zz")
	lb, err := balancer.New(balancer.Options{})
	require.NoError(f, err)
	f.Cleanup(func() { _ = lb.Close() })
	images, err := registry.New(registry.Options{Repositories: []registry.Repository{{Name: "web"}}})
	require.NoError(f, err)
	server := awsapi.New(lb, images, awsapi.Options{AccessKeyID: key})
	f.Fuzz(func(t *testing.T, authorization, target, body string) {
		request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		request.Header.Set("Authorization", authorization)
		request.Header.Set("X-Amz-Target", target)
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, request)
		assert.Less(t, answer.Code, 500)
		if !strings.Contains(authorization, key) {
			assert.NotEqual(t, http.StatusOK, answer.Code)
		}
	})
}
