package nlb

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/rollout"
)

const (
	groupA = "arn:aws:elasticloadbalancing:us-west-1:123456789012:targetgroup/growl-a/6d0ecf831eec9f09"
	groupB = "arn:aws:elasticloadbalancing:us-west-1:123456789012:targetgroup/growl-b/73e2d6bc24d8a067"
	balA   = "arn:aws:elasticloadbalancing:us-west-1:123456789012:loadbalancer/net/growl/50dc6c495c0c9188"
)

// fake is an ELBv2 endpoint that implements the query protocol and keeps the registered targets.
type fake struct {
	mu        sync.Mutex
	groups    map[string]map[rollout.Target]string // target → state, by ARN
	attrs     map[string]map[string]string         // by ARN of group or load balancer
	calls     []fakeCall
	overrides map[string]string // administrative override of an instance's targets
	throttle  int               // the number of calls still to throttle
	lose      int               // the number of calls to apply without a response
	swallow   int               // the number of calls to neither apply nor answer
	refuse    string            // the error code of every response
	targets   string            // the type of the groups' targets; empty: instances
	protocol  string            // of the groups; empty: TCP
	gone      string            // an instance that was terminated
}

type fakeCall struct {
	action, group string
	targets       int
}

func newFake(t *testing.T) (*fake, aws.Config) {
	f := &fake{
		groups: map[string]map[rollout.Target]string{groupA: {}, groupB: {}},
		attrs:  map[string]map[string]string{groupA: {}, groupB: {}, balA: {}},
	}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return f, aws.Config{
		Region:       "us-west-1",
		BaseEndpoint: aws.String(server.URL),
		Credentials:  credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret-key-of-the-test", ""),
	}
}

// open returns the two groups with a back-off that costs a test nothing.
func open(t *testing.T, cfg aws.Config, groups ...string) *Groups {
	g, err := NewFromConfig(cfg, groups, Options{MaxBackoff: time.Millisecond})
	require.NoError(t, err)
	return g
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	f.mu.Lock()
	defer f.mu.Unlock()
	action, group := r.Form.Get("Action"), r.Form.Get("TargetGroupArn")
	if group == "" {
		group = r.Form.Get("TargetGroupArns.member.1")
	}
	targets := formTargets(r, group)
	f.calls = append(f.calls, fakeCall{action, group, len(targets)})
	if f.swallow > 0 {
		f.swallow--
		f.mu.Unlock()
		<-r.Context().Done()
		f.mu.Lock()
		return
	}
	switch {
	case f.throttle > 0:
		f.throttle--
		refuse(w, "Throttling", "Rate exceeded")
	case slices.ContainsFunc(targets, func(t rollout.Target) bool { return t.Instance == f.gone }):
		refuse(w, "InvalidTarget", "The specified target does not exist")
	case f.refuse != "":
		refuse(w, f.refuse, "refused by the test")
	case group != "" && f.groups[group] == nil:
		refuse(w, "TargetGroupNotFound", "One or more target groups not found")
	default:
		body := f.answer(action, group, r.Form.Get("LoadBalancerArn"), targets)
		if f.lose > 0 {
			f.lose--
			panic(http.ErrAbortHandler)
		}
		fmt.Fprintf(w, `<%[1]sResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>`, action, body)
	}
}

func (f *fake) answer(action, group, lb string, targets []rollout.Target) string {
	switch action {
	case "RegisterTargets":
		for _, t := range targets {
			f.groups[group][t] = "initial"
		}
	case "DeregisterTargets":
		for _, t := range targets {
			delete(f.groups[group], t)
		}
	case "DescribeTargetHealth":
		return f.healthXML(group, targets)
	case "DescribeTargetGroups":
		return `<TargetGroups><member><TargetGroupArn>` + group + `</TargetGroupArn><TargetType>` + cmp.Or(f.targets, "instance") + `</TargetType><Protocol>` + cmp.Or(f.protocol, "TCP") + `</Protocol><Port>8080</Port><HealthCheckIntervalSeconds>10</HealthCheckIntervalSeconds>
			<HealthCheckTimeoutSeconds>6</HealthCheckTimeoutSeconds><HealthyThresholdCount>3</HealthyThresholdCount><UnhealthyThresholdCount>2</UnhealthyThresholdCount>
			<LoadBalancerArns><member>` + balA + `</member></LoadBalancerArns></member></TargetGroups>`
	case "DescribeTargetGroupAttributes":
		return attributesXML(f.attrs[group])
	case "DescribeLoadBalancerAttributes":
		return attributesXML(f.attrs[lb])
	}
	return ""
}

func (f *fake) healthXML(group string, targets []rollout.Target) string {
	var b strings.Builder
	if len(targets) == 0 {
		targets = slices.Collect(maps.Keys(f.groups[group]))
	}
	for _, t := range targets {
		state, reason, _ := strings.Cut(cmp.Or(f.groups[group][t], "unused Target.NotRegistered"), " ")
		fmt.Fprintf(&b, `<member><Target><Id>%s</Id><Port>%d</Port></Target><HealthCheckPort>%d</HealthCheckPort><TargetHealth><State>%s</State>`, t.Instance, t.Port, t.Port, state)
		if reason != "" {
			fmt.Fprintf(&b, `<Reason>%s</Reason>`, reason)
		}
		b.WriteString(`</TargetHealth>`)
		if override := f.overrides[t.Instance]; override != "" {
			fmt.Fprintf(&b, `<AdministrativeOverride><State>%s</State></AdministrativeOverride>`, override)
		}
		b.WriteString(`</member>`)
	}
	return `<TargetHealthDescriptions>` + b.String() + `</TargetHealthDescriptions>`
}

func attributesXML(attributes map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(attributes)) {
		fmt.Fprintf(&b, `<member><Key>%s</Key><Value>`, k)
		_ = xml.EscapeText(&b, []byte(attributes[k]))
		b.WriteString(`</Value></member>`)
	}
	return `<Attributes>` + b.String() + `</Attributes>`
}

func formTargets(r *http.Request, group string) []rollout.Target {
	var targets []rollout.Target
	for i := 1; r.Form.Has(fmt.Sprintf("Targets.member.%d.Id", i)); i++ {
		port, _ := strconv.Atoi(r.Form.Get(fmt.Sprintf("Targets.member.%d.Port", i)))
		targets = append(targets, rollout.Target{Group: group, Instance: r.Form.Get(fmt.Sprintf("Targets.member.%d.Id", i)), Port: port})
	}
	return targets
}

func refuse(w http.ResponseWriter, code, message string) {
	w.WriteHeader(http.StatusBadRequest)
	fmt.Fprintf(w, `<ErrorResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>r-1</RequestId></ErrorResponse>`, code, message)
}

// registered returns the targets of a group.
func (f *fake) registered(group string) []rollout.Target {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.SortedFunc(maps.Keys(f.groups[group]), func(a, b rollout.Target) int {
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
}

// set changes the fake between calls.
func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// called returns the number of targets of each call of an action.
func (f *fake) called(action string) (sizes []int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if c.action == action {
			sizes = append(sizes, c.targets)
		}
	}
	return sizes
}
