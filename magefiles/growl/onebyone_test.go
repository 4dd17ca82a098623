package growl_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/fleet"
	"github.com/growl-dev/deploy/internal/ec2test"
	"github.com/growl-dev/deploy/internal/tftest"
	"github.com/growl-dev/deploy/probe"
	"github.com/growl-dev/deploy/rollout"
)

// TestAnEnvChangeIsRolledOneByOne is one story of a user's commands with the real
// terraform: an env file changes, a deploy refuses to go over that, an apply
// refuses to take the instances together, and -oneByOne replaces them in turn
// under load.
func TestAnEnvChangeIsRolledOneByOne(t *testing.T) {
	needTime(t)
	tftest.NeedProvider(t)
	t.Parallel()
	s := newStack(t, "-instances=4")
	file := s.vars["FLEET"]
	old, fresh := s.fleet.Instances[:2], s.fleet.Instances[2:]
	s.launches(slices.Concat(old, fresh))
	s.leave(fresh)
	s.ok("env:seal")
	s.ok("infra:apply", "dev")
	require.Equal(t, old, s.outputs().Instances)

	load, err := probe.Start(t.Context(), probe.Options{URL: "http://" + s.vars["NLB"] + "/", Rate: 60, KeepAlive: 6, Timeout: 30 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { load.Stop() })
	changed := canaryEnv + "MORE=1\n"
	s.write(devEnv, changed)
	s.ok("env:seal")
	output := s.refuses(nil, s.deploy(s.vars["V2"])...)
	assert.Contains(t, output, "infra:apply dev")
	output = s.refuses(nil, "infra:apply", "dev")
	assert.Contains(t, output, "out of service together")
	assert.Contains(t, output, "go tool mage infra:apply dev -oneByOne rolls them in turn")
	require.Equal(t, old, s.outputs().Instances)

	for n := range s.fleet.Instances {
		if n >= len(old) {
			s.onInstance(n, changed) // their first boot writes the file that the SSM parameter holds
		}
	}
	// The output is not read until both are replaced.
	cat := exec.Command("cat")
	cat.Stdout = &s.all
	run := s.startBlocked(t, cat, s.root, []string{"FLEET=" + file}, "infra:apply", "dev", "-oneByOne", s.policy())
	s.awaitBegun(t, rollout.StepDrain)
	s.awaitReleased(t)
	require.NoError(t, cat.Process.Signal(syscall.SIGCONT))
	require.Zero(t, run.end(t), "%s", s.all.text())
	await(t, &s.all, "replaced 2/2") // although a fleet file cannot name the new instances
	require.Equal(t, fresh, s.outputs().Instances)
	s.ok("infra:drift", "dev")
	s.ok(s.deploy(s.vars["V2"])...)

	receipt := load.Stop()
	assert.Zero(t, receipt.Failed, "%s", receipt)
	require.NotZero(t, receipt.Requests)
	s.requireNoCanary()
}

// launches has Terraform's instances be these, in the order in which it makes
// them, by an endpoint in front of the place's that answers for EC2.
func (s *stack) launches(instances []rollout.Instance) {
	s.t.Helper()
	s.onebyone(instances[:len(instances)/2])
	names := map[string][]rollout.Instance{}
	for n, i := range instances {
		name := instances[n%(len(instances)/2)].Name
		names[name] = append(names[name], i)
	}
	ec2 := &ec2test.EC2{Boot: func(asked ec2test.Instance) ec2test.Instance {
		name := asked.Tags["Name"]
		made := names[name][0]
		names[name] = names[name][1:]
		asked.ID, asked.Zone, asked.PrivateDNS = made.ID, made.Zone, made.Address
		return asked
	}}
	place, err := url.Parse(s.vars["AWS_ENDPOINT_URL"])
	require.NoError(s.t, err)
	front := httptest.NewServer(inFront(ec2, httputil.NewSingleHostReverseProxy(place)))
	s.t.Cleanup(front.Close)
	s.vars["AWS_ENDPOINT_URL"] = front.URL
}

// inFront answers what is EC2's, and passes everything else on as it came.
func inFront(ec2 *ec2test.EC2, rest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if form, err := url.ParseQuery(string(body)); err == nil {
			if answer, ok := ec2.Answer(form); ok {
				w.Header().Set("Content-Type", "text/xml")
				_, _ = io.WriteString(w, answer)
				return
			}
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		rest.ServeHTTP(w, r)
	})
}

// onebyone puts the configuration that makes instances of these names into the
// checkout.
func (s *stack) onebyone(instances []rollout.Instance) {
	s.t.Helper()
	s.configured("onebyone")
	var names []string
	for _, i := range instances {
		names = append(names, i.Name)
	}
	s.describe(map[string]any{"repository": s.fleet.Repository, "names": names})
}

// leave takes instances out of the target group by hand.
func (s *stack) leave(instances []rollout.Instance) {
	s.t.Helper()
	var targets []types.TargetDescription
	for _, i := range instances {
		targets = append(targets, types.TargetDescription{Id: &i.ID})
	}
	_, err := elb.NewFromConfig(s.aws(s.t)).DeregisterTargets(s.t.Context(), &elb.DeregisterTargetsInput{
		TargetGroupArn: &s.fleet.TargetGroups[0], Targets: targets,
	})
	require.NoError(s.t, err)
}

// outputs are the environment's, but for the names, which are the configuration's.
func (s *stack) outputs() fleet.Fleet {
	s.t.Helper()
	var outputs fleet.Fleet
	require.NoError(s.t, json.Unmarshal([]byte(s.ok("infra:output", "dev")), &outputs))
	for n, i := range outputs.Instances {
		at := slices.IndexFunc(s.fleet.Instances, func(other rollout.Instance) bool { return other.ID == i.ID })
		require.GreaterOrEqual(s.t, at, 0, i.ID)
		outputs.Instances[n].Name = s.fleet.Instances[at].Name
	}
	return outputs
}
