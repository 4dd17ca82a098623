package growl_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/iam"
)

// forAPull is granted wherever an image is pulled, although no call here needs it.
var forAPull = map[string]string{
	"ecr:BatchCheckLayerAvailability": "AWS's guide demands it for a pull, and some clients ask it; Docker's own does not",
}

// spare are actions that nothing needs, by environment, and why they are granted all the same. dev's push needs forAPull.
var spare = map[string]map[string]string{"prod": forAPull}

// assertEachActionIsNeeded takes each action out of each statement in turn: then at least one of the requests, all of
// which the whole policies allow, has to be denied.
func assertEachActionIsNeeded(t *testing.T, policies []iam.Policy, requests []iam.Request, spare map[string]string) {
	t.Helper()
	require.NotEmpty(t, requests)
	taken := 0
	for n, policy := range policies {
		for _, grant := range policy.Grants() {
			less := slices.Clone(policies)
			less[n] = policy.Without(grant)
			needed := slices.ContainsFunc(requests, func(r iam.Request) bool { return !iam.Allows(less, r) })
			reason, isSpare := spare[grant.Action]
			switch {
			case needed && isSpare:
				t.Errorf("%s of statement %s is needed, but is listed as spare: %s", grant.Action, grant.Sid, reason)
			case !needed && !isSpare:
				t.Errorf("nothing needs %s of statement %s", grant.Action, grant.Sid)
			}
			taken++
		}
	}
	t.Logf("%d distinct requests, %d actions taken out in turn", len(requests), taken)
}

// assertInstances checks that the role of each instance allows the calls of its first boot: growl-backend/terraform's
// host-key.sh, env-file.sh and first-boot.sh. Resources of another instance or environment are denied.
func (c *ci) assertInstances() {
	t, names := c.t, committedInstances(c.t, c.environment)
	others := map[string]string{"dev": "prod", "prod": "dev"}
	repository := "arn:aws:ecr:us-west-1:" + sandboxAccount + ":repository/growl-backend"
	for n, name := range names {
		policies := c.policies["growl-backend-"+c.environment+"-instance-"+name]
		require.NotEmpty(t, policies, "%s has no role", name)
		asks := []iam.Request{
			c.parameter(c.environment, "ssh-host/"+name), c.parameter(c.environment, "env"),
			{Action: "ecr:GetAuthorizationToken", Resource: "*"},
			{Action: "ecr:BatchGetImage", Resource: repository}, {Action: "ecr:GetDownloadUrlForLayer", Resource: repository},
		}
		for _, r := range asks {
			assert.True(t, iam.Allows(policies, r), "%s may not %s", name, r)
		}
		for _, r := range []iam.Request{
			c.parameter(c.environment, "ssh-host/"+names[(n+1)%len(names)]), c.parameter(others[c.environment], "env"),
			c.parameter(others[c.environment], "ssh-host/"+strings.Replace(name, c.environment, others[c.environment], 1)),
			{Action: "ecr:PutImage", Resource: repository},
		} {
			assert.False(t, iam.Allows(policies, r), "%s may %s", name, r)
		}
		assertEachActionIsNeeded(t, policies, asks, forAPull)
	}
}

// assertForeignDenied holds the job's role to its own environment: what is the other one's is denied, but for dev's history.
func (c *ci) assertForeignDenied() {
	t, other := c.t, map[string]string{"dev": "prod", "prod": "dev"}[c.environment]
	bucket, own, elsewhere := "arn:aws:s3:::growl-tf-state/", regionsOf[c.environment], regionsOf[other]
	in := func(region string) map[string]string { return map[string]string{iam.RequestedRegion: region} }
	foreign := []iam.Request{
		{Action: "s3:GetObject", Resource: bucket + "env:/" + other + "/growl-backend/terraform.tfstate"},
		{Action: "s3:PutObject", Resource: bucket + "env:/" + c.environment + "/growl-backend/terraform.tfstate"},
		{Action: "s3:PutObject", Resource: bucket + "ledger/growl-backend/" + other + "/current"},
		{Action: "s3:PutObject", Resource: bucket + "ledger/" + other + "/current"},
		{Action: "s3:PutObject", Resource: bucket + "ledger/" + c.environment + "/history/run-1"},
		{Action: "s3:GetObject", Resource: bucket + "ledger/orders/" + c.environment + "/current"},
		{Action: "s3:PutObject", Resource: bucket + "ledger/orders/" + c.environment + "/current", Context: map[string]string{iam.S3IfNoneMatch: "*"}},
		{Action: "s3:PutObject", Resource: bucket + "ledger/claims/us-west-1.1.orders.1"},
		{Action: "s3:DeleteObject", Resource: bucket + "ledger/claims/us-west-1.1.orders.1"},
		{Action: "s3:ListBucket", Resource: "arn:aws:s3:::growl-tf-state"},
		{Action: "ssm:GetParameter", Resource: "arn:aws:ssm:" + own + ":" + sandboxAccount + ":parameter/growl-backend/" + other + "/env", Context: in(own)},
		{Action: "ssm:GetParameter", Resource: "arn:aws:ssm:" + own + ":" + sandboxAccount + ":parameter/growl-backend/" + c.environment + "/ssh-host/growl-backend-" + c.environment + "-1", Context: in(own)},
		{Action: "ec2:DescribeInstanceAttribute", Resource: "*", Context: in(elsewhere)},
		{Action: "elasticloadbalancing:DescribeTargetHealth", Resource: "*", Context: in(elsewhere)},
		{Action: "elasticloadbalancing:RegisterTargets", Resource: strings.Replace(c.fleet.TargetGroups[0], "-"+c.environment, "-"+other, 1)},
		{Action: "ecr:BatchGetImage", Resource: "arn:aws:ecr:us-west-1:" + sandboxAccount + ":repository/other"},
	}
	if c.environment == "dev" {
		foreign = append(foreign, iam.Request{Action: "s3:GetObject", Resource: bucket + "ledger/prod/current"},
			iam.Request{Action: "s3:GetObject", Resource: bucket + "ledger/growl-backend/prod/current"})
	} else {
		foreign = append(foreign, iam.Request{Action: "ecr:InitiateLayerUpload", Resource: "arn:aws:ecr:us-west-1:" + sandboxAccount + ":repository/growl-backend"})
	}
	for _, r := range foreign {
		assert.False(t, c.role.Allows(r), "the role of %s may %s", c.environment, r)
	}
}

// parameter is the read of a parameter of the service's.
func (c *ci) parameter(environment, name string) iam.Request {
	region := regionsOf[c.environment]
	return iam.Request{
		Action: "ssm:GetParameter", Resource: "arn:aws:ssm:" + region + ":" + sandboxAccount + ":parameter/growl-backend/" + environment + "/" + name,
		Context: map[string]string{iam.RequestedRegion: region},
	}
}
