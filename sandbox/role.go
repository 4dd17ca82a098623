package sandbox

import (
	"crypto/rand"

	"github.com/growl-dev/deploy/internal/iam"
)

// Role is a caller who is held to IAM policies by the AWS endpoint, its buckets and the registry. The embedded role
// records which requests the policies allowed and which they denied.
type Role struct {
	*iam.Role
	AccessKeyID, SecretAccessKey string
}

// AddRole makes a role with these policies and a key for it. The environment's own key remains the administrator's,
// who may do everything.
func (e *Environment) AddRole(name string, policies ...iam.Policy) Role {
	arn := "arn:aws:sts::" + e.registry.Account() + ":assumed-role/" + name + "/sandbox"
	r := Role{iam.NewRole(arn, policies...), "ASIA" + rand.Text()[:16], rand.Text() + rand.Text()[:14]}
	e.roles.Add(r.AccessKeyID, r.Role)
	return r
}

// Env is what points clients at the environment as this role, in place of what [Environment.Env] says of keys.
func (r Role) Env() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + r.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + r.SecretAccessKey}
}
