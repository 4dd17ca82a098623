// Package iam decides requests to AWS by identity policies, as AWS's Identity and Access Management does: a request
// is allowed if a statement allows it and none denies it.
//
// It knows as much of the policy language as the policies of this project use. Everything else is refused by [Parse],
// because a condition that is skipped would make a policy look more generous, or a test greener, than AWS is.
// Resource-based policies, permission boundaries and policy variables are outside of it.
package iam
