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
)

const group = "arn:aws:elasticloadbalancing:us-west-1:123456789012:targetgroup/growl/0123456789abcdef"

// cloud answers the calls that Terraform's provider makes for instances, their
// registrations and a repository. It keeps what it was told, and its state can be
// changed behind Terraform's back.
type cloud struct {
	*httptest.Server
	mu        sync.Mutex
	targets   []string
	instances []*machine
	tags      map[string]string // of the repository; nil: there is none
	made      int
}

type machine struct {
	id, kind, userData string
	gone               bool
	tags               map[string]string
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

// change does something by hand.
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

// query answers the services that speak forms and XML; "" for an unknown call.
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
	if inner, ok := c.ec2(action, form); ok {
		return fmt.Sprintf("<%[1]sResponse>%[2]s</%[1]sResponse>", action, inner)
	}
	return ""
}

func (c *cloud) leave(id string) {
	c.targets = slices.DeleteFunc(c.targets, func(other string) bool { return other == id })
}

func (c *cloud) ec2(action string, form url.Values) (string, bool) {
	id := form.Get("InstanceId")
	if id == "" {
		id = form.Get("InstanceId.1")
	}
	switch action {
	case "RunInstances":
		return c.run(form), true
	case "DescribeInstances":
		return "<reservationSet>" + c.reservation(id) + "</reservationSet>", true
	case "TerminateInstances":
		c.machine(id).gone = true
		c.leave(id)
		return "<instancesSet/>", true
	case "DescribeInstanceAttribute":
		return c.attribute(id, form.Get("Attribute")), true
	case "DescribeInstanceTypes":
		return "<instanceTypeSet><item><instanceType>m5.large</instanceType><burstablePerformanceSupported>false</burstablePerformanceSupported></item></instanceTypeSet>", true
	case "DescribeVolumes":
		return "<volumeSet/>", true
	case "DescribeTags":
		return "<tagSet/>", true
	case "CreateTags":
		c.tag(form)
		return "<return>true</return>", true
	case "ModifyInstanceAttribute", "DeleteTags":
		return "<return>true</return>", true
	}
	return "", false
}

func (c *cloud) machine(id string) *machine {
	for _, m := range c.instances {
		if m.id == id {
			return m
		}
	}
	return &machine{gone: true}
}

func (c *cloud) run(form url.Values) string {
	c.made++
	m := &machine{id: fmt.Sprintf("i-%017d", c.made), kind: form.Get("InstanceType"), userData: form.Get("UserData"), tags: map[string]string{}}
	for n := 1; form.Get(fmt.Sprintf("TagSpecification.1.Tag.%d.Key", n)) != ""; n++ {
		m.tags[form.Get(fmt.Sprintf("TagSpecification.1.Tag.%d.Key", n))] = form.Get(fmt.Sprintf("TagSpecification.1.Tag.%d.Value", n))
	}
	c.instances = append(c.instances, m)
	return "<reservationId>r-1</reservationId><instancesSet>" + m.xml() + "</instancesSet>"
}

func (c *cloud) tag(form url.Values) {
	m := c.machine(form.Get("ResourceId.1"))
	for n := 1; form.Get(fmt.Sprintf("Tag.%d.Key", n)) != "" && m.tags != nil; n++ {
		m.tags[form.Get(fmt.Sprintf("Tag.%d.Key", n))] = form.Get(fmt.Sprintf("Tag.%d.Value", n))
	}
}

func (c *cloud) reservation(id string) string {
	m := c.machine(id)
	return "<item><reservationId>r-1</reservationId><instancesSet>" + m.xml() + "</instancesSet></item>"
}

func (m *machine) xml() string {
	code, state := 16, "running"
	if m.gone {
		code, state = 48, "terminated"
	}
	var tags strings.Builder
	for key, value := range m.tags {
		fmt.Fprintf(&tags, "<item><key>%s</key><value>%s</value></item>", key, value)
	}
	return fmt.Sprintf(`<item><instanceId>%s</instanceId><imageId>ami-0aaaaaaaaaaaaaaaa</imageId><instanceState><code>%d</code><name>%s</name></instanceState>
<instanceType>%s</instanceType><placement><availabilityZone>us-west-1a</availabilityZone><tenancy>default</tenancy></placement><monitoring><state>disabled</state></monitoring>
<privateIpAddress>10.0.0.1</privateIpAddress><sourceDestCheck>true</sourceDestCheck><rootDeviceName>/dev/xvda</rootDeviceName><tagSet>%s</tagSet></item>`, m.id, code, state, m.kind, tags.String())
}

func (c *cloud) attribute(id, name string) string {
	value := "<" + name + "><value>false</value></" + name + ">"
	switch name {
	case "userData":
		value = "<userData><value>" + c.machine(id).userData + "</value></userData>"
	case "instanceInitiatedShutdownBehavior":
		value = "<instanceInitiatedShutdownBehavior><value>stop</value></instanceInitiatedShutdownBehavior>"
	}
	return "<instanceId>" + id + "</instanceId>" + value
}
