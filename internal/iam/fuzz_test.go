package iam_test

import (
	"encoding/json"
	"testing"

	"github.com/growl-dev/deploy/internal/iam"
)

// FuzzParse holds every document that Parse accepts to three rules: the same document written anew decides equally,
// an added Deny of everything denies, and a request that the policy allows is lost once all its grants are taken out.
func FuzzParse(f *testing.F) {
	f.Add(document(allow("s3:GetObject", "arn:aws:s3:::states/*", "")), "s3:GetObject", "arn:aws:s3:::states/x", "ledger/")
	f.Add(document(allow("s3:List*", "*", `{"StringLike": {"s3:prefix": ["ledger/*", "env:/*"]}}`)), "s3:ListBucket", "*", "ledger/dev")
	f.Add(document(allow("*", "*", `{"NumericEquals": {"ec2-instance-connect:remotePort": 22}, "StringNotEqualsIfExists": {"s3:prefix": "?"}}`)), "a:b", "*", "")
	f.Add(`{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "a:*?*", "Resource": ["arn:a:b:c:d:e:f*"]}}`, "a:bc", "arn:a:b:c:d:e:f", "")
	f.Add(document(allow("s3:GetObject", "*", `{"IpAddress": {"ec2-instance-connect:privateIpAddress": "::/0"}}`)), "s3:GetObject", "*", "x")
	f.Add(document(allow("s3:PutObject", "*", `{"Null": {"s3:if-none-match": "true", "s3:prefix": ["false"]}}`)), "s3:PutObject", "*", "x")
	deny, err := iam.Parse([]byte(document(`{"Effect": "Deny", "Action": "*", "Resource": "*"}`)))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, action, resource, prefix string) {
		p, err := iam.Parse([]byte(text))
		if err != nil {
			return
		}
		request := iam.Request{Action: action, Resource: resource, Context: map[string]string{iam.S3Prefix: prefix}}
		allowed := iam.Allows([]iam.Policy{p}, request)
		if again := rewritten(t, text); iam.Allows([]iam.Policy{again}, request) != allowed {
			t.Errorf("written anew, %q decides %v differently", text, request)
		}
		if iam.Allows([]iam.Policy{p, deny}, request) || iam.Allows([]iam.Policy{deny, p}, request) {
			t.Errorf("%q allows %v although everything is denied", text, request)
		}
		for _, grant := range p.Grants() {
			p = p.Without(grant)
		}
		if iam.Allows([]iam.Policy{p}, request) {
			t.Errorf("%q allows %v without any grant", text, request)
		}
	})
}

// rewritten decodes a document, encodes it and parses the result.
func rewritten(t *testing.T, text string) iam.Policy {
	t.Helper()
	var decoded any
	if err := json.Unmarshal([]byte(text), &decoded); err != nil {
		t.Fatalf("an accepted policy is not JSON: %v", err)
	}
	written, err := json.Marshal(decoded)
	if err != nil {
		t.Fatal(err)
	}
	p, err := iam.Parse(written)
	if err != nil {
		t.Fatalf("written anew, %q is refused: %v", text, err)
	}
	return p
}
