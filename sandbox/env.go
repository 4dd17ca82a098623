package sandbox

import (
	"errors"
	"strings"
)

// Env returns the variables that make clients use the environment, in the form of os.Environ: the AWS variables of the SDK
// and of the aws command, TF_STATE_BUCKET, SSH_KEY and SSH_KNOWN_HOSTS. For use by hand it adds FLEET, NLB, TARGET_GROUP,
// REPOSITORY, V1, V2, POLICY, and DOCKER_HOST with the first instance's engine. It omits what an environment [Around]
// machines does not have.
func (e *Environment) Env() []string {
	env := []string{
		"AWS_ENDPOINT_URL=" + e.awsURL,
		"AWS_ACCESS_KEY_ID=" + e.accessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + e.secretAccessKey,
		"AWS_REGION=" + e.Fleet.Region,
		"AWS_DEFAULT_REGION=" + e.Fleet.Region,
		"TF_STATE_BUCKET=" + e.opts.Bucket,
		"FLEET=" + e.FleetFile,
		"NLB=" + strings.TrimPrefix(e.URL, "http://"),
		"TARGET_GROUP=" + e.Fleet.TargetGroups[0],
		"REPOSITORY=" + e.Fleet.Repository,
	}
	if len(e.machines) == 0 {
		return append(env, "POLICY="+e.Policy())
	}
	env = append(env, "SSH_KEY="+e.path(keyFile), "SSH_KNOWN_HOSTS="+e.path(knownHostsFile), "V1="+e.V1, "V2="+e.V2, "POLICY="+e.Policy())
	if socket := e.machines[0].socket; socket != "" {
		env = append(env, "DOCKER_HOST=unix://"+socket)
	}
	return env
}

// errClosed is the error of calls after Close.
var errClosed = errors.New("the sandbox is closed")
