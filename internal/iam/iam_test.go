package iam_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/internal/iam"
)

func parse(t *testing.T, statements ...string) iam.Policy {
	t.Helper()
	p, err := iam.Parse([]byte(document(statements...)))
	require.NoError(t, err)
	return p
}

func document(statements ...string) string {
	return `{"Version": "2012-10-17", "Statement": [` + strings.Join(statements, ",") + `]}`
}

// allow is a statement that allows an action on a resource under a condition, which may be empty.
func allow(action, resource, condition string) string {
	if condition != "" {
		condition = `, "Condition": ` + condition
	}
	return fmt.Sprintf(`{"Effect": "Allow", "Action": %q, "Resource": %q%s}`, action, resource, condition)
}

func TestARequestIsAllowed(t *testing.T) {
	const table = "arn:aws:s3:::states/ledger/dev/current"
	for _, test := range []struct {
		name, action, resource string
		request                iam.Request
		want                   bool
	}{
		{"the same", "s3:GetObject", table, iam.Request{Action: "s3:GetObject", Resource: table}, true},
		{"an action in another case", "S3:getobject", table, iam.Request{Action: "s3:GetObject", Resource: table}, true},
		{"another action", "s3:PutObject", table, iam.Request{Action: "s3:GetObject", Resource: table}, false},
		{"an action that begins so", "s3:Get", table, iam.Request{Action: "s3:GetObject", Resource: table}, false},
		{"a wildcard of actions", "s3:Get*", table, iam.Request{Action: "s3:GetObject", Resource: table}, true},
		{"every action", "*", table, iam.Request{Action: "s3:GetObject", Resource: table}, true},
		{"a resource in another case", "s3:GetObject", "arn:aws:s3:::states/Ledger/dev/current", iam.Request{Action: "s3:GetObject", Resource: table}, false},
		{"a wildcard over slashes", "s3:GetObject", "arn:aws:s3:::states/*", iam.Request{Action: "s3:GetObject", Resource: table}, true},
		{"a wildcard and more", "s3:GetObject", "arn:aws:s3:::states/*/current", iam.Request{Action: "s3:GetObject", Resource: table}, true},
		{"a wildcard and something else", "s3:GetObject", "arn:aws:s3:::states/*/past", iam.Request{Action: "s3:GetObject", Resource: table}, false},
		{"one character", "s3:GetObject", "arn:aws:s3:::states/ledger/de?/current", iam.Request{Action: "s3:GetObject", Resource: table}, true},
		{"no character is not one", "s3:GetObject", table + "?", iam.Request{Action: "s3:GetObject", Resource: table}, false},
		{"every resource", "s3:GetObject", "*", iam.Request{Action: "s3:GetObject", Resource: table}, true},
		{"no resource", "ec2:DescribeVpcs", "*", iam.Request{Action: "ec2:DescribeVpcs", Resource: "*"}, true},
		{"an ARN for what takes no resource", "ec2:DescribeVpcs", "arn:aws:ec2:us-west-1:1:vpc/*", iam.Request{Action: "ec2:DescribeVpcs", Resource: "*"}, false},
		{"a wildcard stays in its part", "ssm:GetParameter", "arn:aws:ssm:*:parameter/x:y", iam.Request{Action: "ssm:GetParameter", Resource: "arn:aws:ssm:us-west-1:1:parameter/x:y"}, false},
		{"colons in the last part", "elasticloadbalancing:RegisterTargets", "arn:aws:cloudwatch:us-west-1:1:alarm:*", iam.Request{Action: "elasticloadbalancing:RegisterTargets", Resource: "arn:aws:cloudwatch:us-west-1:1:alarm:a"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := parse(t, allow(test.action, test.resource, ""))
			assert.Equal(t, test.want, iam.Allows([]iam.Policy{p}, test.request))
		})
	}
}

func TestAConditionDecides(t *testing.T) {
	for _, test := range []struct {
		name, condition string
		context         map[string]string
		want            bool
	}{
		{"equal", `{"StringEquals": {"aws:RequestedRegion": "us-west-1"}}`, map[string]string{iam.RequestedRegion: "us-west-1"}, true},
		{"one of several", `{"StringEquals": {"aws:RequestedRegion": ["us-west-2", "us-west-1"]}}`, map[string]string{iam.RequestedRegion: "us-west-1"}, true},
		{"unequal", `{"StringEquals": {"aws:RequestedRegion": "us-west-2"}}`, map[string]string{iam.RequestedRegion: "us-west-1"}, false},
		{"a key in another case", `{"StringEquals": {"AWS:requestedregion": "us-west-1"}}`, map[string]string{iam.RequestedRegion: "us-west-1"}, true},
		{"an absent key", `{"StringEquals": {"s3:prefix": "x"}}`, nil, false},
		{"an absent key of a pattern", `{"StringLike": {"s3:prefix": "*"}}`, nil, false},
		{"an absent key, if it exists", `{"StringEqualsIfExists": {"s3:prefix": "x"}}`, nil, true},
		{"a wrong key, if it exists", `{"StringEqualsIfExists": {"s3:prefix": "x"}}`, map[string]string{iam.S3Prefix: "y"}, false},
		{"an absent key, negated", `{"StringNotEquals": {"s3:prefix": "x"}}`, nil, true},
		{"negated", `{"StringNotLike": {"s3:prefix": ["x*", "y*"]}}`, map[string]string{iam.S3Prefix: "yes"}, false},
		{"negated and another", `{"StringNotLike": {"s3:prefix": ["x*", "y*"]}}`, map[string]string{iam.S3Prefix: "no"}, true},
		{"a pattern is none for equality", `{"StringEquals": {"s3:prefix": "x*"}}`, map[string]string{iam.S3Prefix: "xy"}, false},
		{"a number", `{"NumericEquals": {"ec2-instance-connect:remotePort": 22}}`, map[string]string{"ec2-instance-connect:remoteport": "22"}, true},
		{"another number", `{"NumericEquals": {"ec2-instance-connect:remotePort": "22"}}`, map[string]string{"ec2-instance-connect:remoteport": "2222"}, false},
		{"an address", `{"IpAddress": {"ec2-instance-connect:privateIpAddress": "10.20.0.0/16"}}`, map[string]string{"ec2-instance-connect:privateipaddress": "10.20.1.11"}, true},
		{"an address outside", `{"IpAddress": {"ec2-instance-connect:privateIpAddress": "10.20.0.0/16"}}`, map[string]string{"ec2-instance-connect:privateipaddress": "10.30.1.11"}, false},
		{"a key that is wanted", `{"Null": {"s3:if-none-match": "false"}}`, map[string]string{iam.S3IfNoneMatch: "*"}, true},
		{"a key that is wanted and absent", `{"Null": {"s3:if-none-match": false}}`, nil, false},
		{"a key that is unwanted", `{"Null": {"s3:if-none-match": "true"}}`, map[string]string{iam.S3IfNoneMatch: "*"}, false},
		{"a key that is unwanted and absent", `{"Null": {"s3:if-none-match": true}}`, nil, true},
		{"both must hold", `{"StringEquals": {"aws:RequestedRegion": "us-west-1", "s3:prefix": "x"}}`, map[string]string{iam.RequestedRegion: "us-west-1"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := parse(t, allow("s3:ListBucket", "*", test.condition))
			assert.Equal(t, test.want, iam.Allows([]iam.Policy{p}, iam.Request{Action: "s3:ListBucket", Resource: "arn:aws:s3:::states", Context: test.context}))
		})
	}
}

func TestWhatIsNotEvaluatedIsRefused(t *testing.T) {
	good := allow("s3:GetObject", "*", "")
	for name, text := range map[string]string{
		"nothing":                 ``,
		"a list":                  `[]`,
		"no version":              `{"Statement": [` + good + `]}`,
		"the old version":         `{"Version": "2008-10-17", "Statement": [` + good + `]}`,
		"no statement":            `{"Version": "2012-10-17", "Statement": []}`,
		"something behind":        document(good) + "{}",
		"an element twice":        document(`{"Effect": "Deny", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}`),
		"an element in lowercase": document(`{"effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}`),
		"NotAction":               document(`{"Effect": "Allow", "NotAction": "s3:GetObject", "Resource": "*"}`),
		"NotResource":             document(`{"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "*"}`),
		"a principal":             document(`{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}`),
		"another effect":          document(`{"Effect": "allow", "Action": "s3:GetObject", "Resource": "*"}`),
		"no action":               document(`{"Effect": "Allow", "Action": [], "Resource": "*"}`),
		"a null":                  document(`{"Effect": "Allow", "Action": [null], "Resource": "*"}`),
		"an action of no service": document(`{"Effect": "Allow", "Action": "GetObject", "Resource": "*"}`),
		"a wildcard of services":  document(`{"Effect": "Allow", "Action": "s*:GetObject", "Resource": "*"}`),
		"no resource":             document(`{"Effect": "Allow", "Action": "s3:GetObject"}`),
		"half an ARN":             document(`{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:*"}`),
		"a policy variable":       document(`{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::home/${aws:username}"}`),
		"an unknown operator":     document(allow("s3:GetObject", "*", `{"StringMatches": {"s3:prefix": "x"}}`)),
		"a set operator":          document(allow("s3:GetObject", "*", `{"ForAnyValue:StringEquals": {"s3:prefix": "x"}}`)),
		"an unknown key":          document(allow("s3:GetObject", "*", `{"StringEquals": {"aws:PrincipalOrgID": "x"}}`)),
		"an operator of numbers":  document(allow("s3:GetObject", "*", `{"NumericEquals": {"s3:prefix": "1"}}`)),
		"a presence that is none": document(allow("s3:PutObject", "*", `{"Null": {"s3:if-none-match": "*"}}`)),
		"a presence if it exists": document(allow("s3:PutObject", "*", `{"NullIfExists": {"s3:if-none-match": "false"}}`)),
		"no number":               document(allow("s3:GetObject", "*", `{"NumericEquals": {"ec2-instance-connect:remotePort": "ssh"}}`)),
		"no range":                document(allow("s3:GetObject", "*", `{"IpAddress": {"ec2-instance-connect:privateIpAddress": "10.0.0"}}`)),
		"no value":                document(allow("s3:GetObject", "*", `{"StringEquals": {"s3:prefix": []}}`)),
		"a null value":            document(allow("s3:GetObject", "*", `{"StringEquals": {"s3:prefix": null}}`)),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := iam.Parse([]byte(text))
			require.ErrorContains(t, err, "parse the policy: ")
		})
	}
}

func TestADenyWins(t *testing.T) {
	read := iam.Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::states/x"}
	allowed := parse(t, allow("s3:*", "*", ""))
	denied := parse(t, `{"Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::states/*"}`)
	role := iam.NewRole("arn:aws:sts::1:assumed-role/dev/ci", denied, allowed)
	err := role.Authorize(read)
	require.EqualError(t, err, "User: arn:aws:sts::1:assumed-role/dev/ci is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::states/x with an explicit deny in an identity-based policy")
	require.NoError(t, role.Authorize(iam.Request{Action: "s3:PutObject", Resource: "arn:aws:s3:::states/x"}))
	err = iam.NewRole("arn:aws:sts::1:assumed-role/dev/ci").Authorize(iam.Request{Action: "ec2:DescribeVpcs", Resource: "*"})
	require.EqualError(t, err, "User: arn:aws:sts::1:assumed-role/dev/ci is not authorized to perform: ec2:DescribeVpcs because no identity-based policy allows the ec2:DescribeVpcs action")
	assert.Equal(t, []iam.Request{read}, role.Denied())
	assert.Len(t, role.Allowed(), 1)
}

func TestAGrantIsTakenOut(t *testing.T) {
	p := parse(t, `{"Sid": "Read", "Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}`,
		`{"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}`)
	require.Equal(t, []iam.Grant{{Statement: 0, Sid: "Read", Action: "s3:GetObject"}, {Statement: 0, Sid: "Read", Action: "s3:ListBucket"}}, p.Grants())
	less := []iam.Policy{p.Without(p.Grants()[0])}
	assert.False(t, iam.Allows(less, iam.Request{Action: "s3:GetObject", Resource: "*"}))
	assert.True(t, iam.Allows(less, iam.Request{Action: "s3:ListBucket", Resource: "*"}))
	assert.True(t, iam.Allows([]iam.Policy{p}, iam.Request{Action: "s3:GetObject", Resource: "*"}), "the policy itself was changed")
}
