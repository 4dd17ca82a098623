package infra_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorder makes plans of the product's configuration with the real Terraform and AWS provider, against an emulator
// that holds the resources of an apply.
type recorder struct {
	t        *testing.T
	dir, url string
}

// newRecorder applies dev, and the part of the account that dev needs.
func newRecorder(t *testing.T) *recorder {
	t.Helper()
	r := &recorder{t: t, url: emulator(t)}
	t.Setenv("TF_CLI_ARGS", "-no-color")
	root := copied(t)
	backends, err := filepath.Glob(filepath.Join(root, "*", "backend.tf"))
	require.NoError(t, err)
	for _, path := range append(backends, filepath.Join(root, "backend.tf")) {
		require.NoError(t, os.Remove(path))
	}
	r.dir = filepath.Join(root, "shared")
	r.terraform("init", "-input=false")
	r.terraform("apply", "-input=false", "-auto-approve", "-var-file=terraform-shared.tfvars",
		"-target=aws_ecr_repository.service", "-target=aws_iam_openid_connect_provider.github")
	r.dir = root
	r.write(".env.dev", "A=1\n")
	r.terraform("init", "-input=false")
	r.terraform("apply", "-input=false", "-auto-approve", "-var-file=terraform-dev.tfvars", key)
	// What a first apply leaves to a refresh is done with.
	r.terraform("apply", "-refresh-only", "-input=false", "-auto-approve", "-var-file=terraform-dev.tfvars", key)
	return r
}

// key lets somebody log in: without one a check warns.
const key = `-var=ssh_authorized_keys=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINnoSuchKey somebody"]`

func (r *recorder) write(name, text string) { writeFile(r.t, filepath.Join(r.dir, name), text) }

func (r *recorder) terraform(args ...string) []byte {
	r.t.Helper()
	var out, fault bytes.Buffer
	cmd := exec.CommandContext(context.Background(), "terraform", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = r.dir, &out, &fault
	require.NoError(r.t, cmd.Run(), "terraform %s: %s", strings.Join(args, " "), &fault)
	return out.Bytes()
}

// plan records a plan with these arguments under a name.
func (r *recorder) plan(name string, args ...string) {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "plan")
	r.terraform(append([]string{"plan", "-input=false", "-lock=false", "-var-file=terraform-dev.tfvars", key, "-out=" + file}, args...)...)
	var plan map[string]any
	require.NoError(r.t, json.Unmarshal(r.terraform("show", "-json", file), &plan))
	maps.DeleteFunc(plan, func(key string, _ any) bool {
		return !slices.Contains([]string{"format_version", "terraform_version", "resource_changes", "resource_drift", "output_changes", "checks"}, key)
	})
	plan["resource_changes"], plan["resource_drift"] = relevant(plan["resource_changes"]), relevant(plan["resource_drift"])
	content, err := json.MarshalIndent(plan, "", " ")
	require.NoError(r.t, err)
	writeFile(r.t, filepath.Join(plans, name+".json"), string(content)+"\n")
}

// relevant leaves out the rows that the tests do not need: unchanged resources other than instances, their registrations
// and parameters.
func relevant(rows any) []any {
	all, _ := rows.([]any)
	return slices.DeleteFunc(all, func(row any) bool {
		kind, _ := row.(map[string]any)["type"].(string)
		change := row.(map[string]any)["change"].(map[string]any)
		delete(change, "before_sensitive")
		delete(change, "after_sensitive")
		actions, _ := json.Marshal(change["actions"])
		stays := string(actions) == `["no-op"]` || string(actions) == `["read"]`
		return stays && !slices.Contains([]string{"aws_instance", "aws_lb_target_group_attachment", "aws_ssm_parameter"}, kind)
	})
}

// plans is where the recorded plans are, beside a hash of what they were made of.
const plans = "testdata/plans"

var comments = regexp.MustCompile(`(?m)^\s*#.*\n`)

// fingerprint returns a hash of the inputs of the plans: the configuration without its comments, and dev's variables.
func fingerprint(t *testing.T) string {
	t.Helper()
	hash := sha256.New()
	root := os.DirFS(configuration)
	var files []string
	for _, pattern := range []string{"*.tf", "*.tftpl", "terraform-dev.tfvars", "shared/*.tf"} {
		found, err := fs.Glob(root, pattern)
		require.NoError(t, err)
		files = append(files, found...)
	}
	require.Greater(t, len(files), 10)
	for _, name := range files {
		content, err := fs.ReadFile(root, name)
		require.NoError(t, err)
		fmt.Fprintf(hash, "%s\n%s\n", name, comments.ReplaceAll(content, nil))
	}
	return hex.EncodeToString(hash.Sum(nil)) + "\n"
}

// TestPlansAreOfTheConfiguration fails if the configuration was changed and the plans were not recorded again.
func TestPlansAreOfTheConfiguration(t *testing.T) {
	recorded, err := os.ReadFile(filepath.Join(plans, "configuration.sha256"))
	require.NoError(t, err)
	require.Equal(t, string(recorded), fingerprint(t), "growl-backend/terraform was changed: go generate ./infra (it needs terraform, the AWS provider and moto_server) makes %s anew", plans)
}

// TestRecordPlans records the plans in testdata again, if it runs with -update.
func TestRecordPlans(t *testing.T) {
	if !*update {
		t.Skip("it records: go generate ./infra")
	}
	before := fingerprint(t)
	r := newRecorder(t)
	r.plan("applied")

	r.write(".env.dev", "A=2\n")
	r.plan("env")
	r.plan("env-and-boot", `-var=ssh_authorized_keys=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINnoSuchKey somebody else"]`)
	r.plan("env-and-type", "-var=instance_type=t3.large")
	r.write(".env.dev", "A=1\n")
	r.plan("type", "-var=instance_type=t3.large")
	r.plan("disk", "-var=disk_gigabytes=40")
	r.plan("port", "-var=service_port=8081")
	r.plan("output", `-var=alarms=["growl-5xx"]`)
	r.plan("nobody-logs-in", "-var=ssh_authorized_keys=[]")
	r.plan("one-less", `-var=instances={growl-backend-dev-1={zone=0,address="10.20.0.11"}}`)

	rule := "GroupId=" + r.securityGroup() + "&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0"
	r.byHand("ec2", "AuthorizeSecurityGroupIngress", rule)
	r.plan("opened")
	r.byHand("ec2", "RevokeSecurityGroupIngress", rule)

	r.byHand("ec2", "StopInstances", "InstanceId.1="+r.output("instances"))
	r.plan("stopped")
	r.byHand("ec2", "StartInstances", "InstanceId.1="+r.output("instances"))

	r.byHand("ssm", "PutParameter", `{"Name":"/growl-backend/dev/env","Value":"by hand","Overwrite":true,"Type":"SecureString"}`)
	r.plan("parameter")
	r.plan("parameter-settled", "-replace=aws_ssm_parameter.env")
	r.terraform("apply", "-input=false", "-auto-approve", "-var-file=terraform-dev.tfvars", key, "-replace=aws_ssm_parameter.env")
	r.plan("parameter-after")

	r.byHand("elasticloadbalancing", "AddTags", "ResourceArns.member.1="+r.output("target_groups")+"&Tags.member.1.Key=Name&Tags.member.1.Value=theirs")
	r.byHand("elasticloadbalancing", "DeregisterTargets", "TargetGroupArn="+r.output("target_groups")+"&Targets.member.1.Id="+r.output("instances"))
	r.plan("drift")
	writeFile(t, filepath.Join(plans, "configuration.sha256"), before)
}

// byHand changes something in AWS as a person would, behind Terraform's back.
func (r *recorder) byHand(service, action, body string) {
	r.t.Helper()
	call(r.t, r.url, service, action, body)
}

// output is the first element of an output that is a list; of the instances their ID.
func (r *recorder) output(name string) string {
	var list []any
	require.NoError(r.t, json.Unmarshal(r.terraform("output", "-json", name), &list))
	if instance, ok := list[0].(map[string]any); ok {
		return instance["id"].(string)
	}
	return list[0].(string)
}

var groupID = regexp.MustCompile(`(?m)^\s+id\s+= "(sg-[0-9a-f]+)"`)

func (r *recorder) securityGroup() string {
	match := groupID.FindSubmatch(r.terraform("state", "show", "-no-color", "aws_security_group.instance"))
	require.NotNil(r.t, match)
	return string(match[1])
}
