package sandbox

import (
	"crypto/rand"

	"github.com/growl-dev/deploy/internal/iam"
)

// Role is a role whose IAM policies the AWS endpoint, its buckets and the registry enforce. The embedded role records which
// requests the policies allowed and which they denied.
type Role struct {
	*iam.Role
	AccessKeyID, SecretAccessKey string
}

// AddRole adds a role with these policies and a key. The environment's own key remains an administrator's, which is allowed
// everything.
func (e *Environment) AddRole(name string, policies ...iam.Policy) Role {
	arn := "arn:aws:sts::" + e.registry.Account() + ":assumed-role/" + name + "/sandbox"
	r := Role{iam.NewRole(arn, policies...), "ASIA" + rand.Text()[:16], rand.Text() + rand.Text()[:14]}
	e.roles.Add(r.AccessKeyID, r.Role)
	return r
}

// Env returns the variables that make clients use this role. They replace the keys of [Environment.Env].
func (r Role) Env() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + r.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + r.SecretAccessKey}
}
