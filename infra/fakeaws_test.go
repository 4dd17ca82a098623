package infra_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/growl-dev/deploy/internal/ec2test"
)

const group = "arn:aws:elasticloadbalancing:us-west-1:123456789012:targetgroup/growl/0123456789abcdef"

// cloud implements the AWS calls that Terraform's provider makes for instances, their registrations and a repository.
// It keeps state, which a test can change outside Terraform.
type cloud struct {
	*httptest.Server
	ec2     ec2test.EC2
	mu      sync.Mutex
	refuse  string // the call of EC2 that is refused
	targets []string
	tags    map[string]string // of the repository; nil: there is none
}

func newCloud(t *testing.T) *cloud {
	c := &cloud{}
	c.Server = httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(c.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": c.URL, "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example",
		"AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(name, value)
	}
	return c
}

// change changes the state outside Terraform.
func (c *cloud) change(do func(*cloud)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do(c)
}

func (c *cloud) serve(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if strings.Contains(r.Header.Get("Authorization"), "AKIABROKEN") {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, "<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>The security token included in the request is invalid.</Message></Error></ErrorResponse>")
		return
	}
	if _, action, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		c.json(w, r, action)
		return
	}
	_ = r.ParseForm()
	action := r.Form.Get("Action")
	body := c.query(action, r.Form)
	if body == "" {
		w.WriteHeader(http.StatusBadRequest)
		body = "<Response><Errors><Error><Code>InvalidAction</Code><Message>" + action + "</Message></Error></Errors></Response>"
	}
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprint(w, body)
}

func (c *cloud) json(w http.ResponseWriter, r *http.Request, action string) {
	var in struct {
		Tags    []map[string]string
		TagKeys []string
	}
	_ = json.NewDecoder(r.Body).Decode(&in)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	repository := map[string]any{
		"repositoryName": "growl-backend", "repositoryArn": "arn:aws:ecr:us-west-1:123456789012:repository/growl-backend", "registryId": "123456789012",
		"repositoryUri": "123456789012.dkr.ecr.us-west-1.amazonaws.com/growl-backend", "imageTagMutability": "MUTABLE",
		"imageScanningConfiguration": map[string]any{"scanOnPush": false}, "encryptionConfiguration": map[string]any{"encryptionType": "AES256"},
	}
	var out any = map[string]any{}
	switch action {
	case "CreateRepository", "TagResource":
		if c.tags == nil {
			c.tags = map[string]string{}
		}
		for _, tag := range in.Tags {
			c.tags[tag["Key"]] = tag["Value"]
		}
		out = map[string]any{"repository": repository}
	case "UntagResource":
		for _, key := range in.TagKeys {
			delete(c.tags, key)
		}
	case "DescribeRepositories":
		out = map[string]any{"repositories": []any{repository}}
	case "ListTagsForResource":
		var tags []map[string]string
		for key, value := range c.tags {
			tags = append(tags, map[string]string{"Key": key, "Value": value})
		}
		out = map[string]any{"tags": tags}
	}
	_ = json.NewEncoder(w).Encode(out)
}

// query handles the services with forms and XML. It returns "" for an unknown call.
func (c *cloud) query(action string, form url.Values) string {
	result := func(inner string) string {
		return fmt.Sprintf("<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>", action, inner)
	}
	id := form.Get("Targets.member.1.Id")
	switch action {
	case "GetCallerIdentity":
		return result("<Account>123456789012</Account><Arn>arn:aws:iam::123456789012:user/x</Arn><UserId>X</UserId>")
	case "RegisterTargets":
		c.targets = append(c.targets, id)
		return result("")
	case "DeregisterTargets":
		c.leave(id)
		return result("")
	case "DescribeTargetHealth":
		state := "<State>unused</State><Reason>Target.NotRegistered</Reason>"
		if slices.Contains(c.targets, id) {
			state = "<State>healthy</State>"
		}
		return result("<TargetHealthDescriptions><member><Target><Id>" + id + "</Id><Port>8080</Port></Target><TargetHealth>" + state + "</TargetHealth></member></TargetHealthDescriptions>")
	}
	if action == c.refuse {
		return ""
	}
	if action == "TerminateInstances" {
		c.leave(form.Get("InstanceId.1"))
	}
	if answer, ok := c.ec2.Answer(form); ok {
		return answer
	}
	return ""
}

func (c *cloud) leave(id string) {
	c.targets = slices.DeleteFunc(c.targets, func(other string) bool { return other == id })
}
