// Package infra speaks for an environment's infrastructure: what Terraform made
// of it, whether that still holds, and what its instances are known by.
//
//   - [Open] runs Terraform for one environment, with a data directory and a
//     workspace of its own: [Environment.Plan], [Plan.Apply],
//     [Environment.Outputs].
//   - [Gate] keeps a rollout from running over drift. It tells what somebody
//     changed in AWS from what somebody changed in the code. It reads the plan's
//     JSON: changed resources and outputs, failed check blocks, and an SSM parameter
//     that was written by hand, which the plan itself leaves as it is.
//   - [Plan.Apply] refuses to take more than one instance of a target group at
//     once; [Environment.OneByOne] replaces them in turn.
//   - [EnvFile] ties an env file to the seal in git.
//   - [OpenAuthority] is the SSH CA that new instances are known by.
//
// Attributes are named, values never printed: user data and env files are secret.
//
// The tests read plans of this repository's own configuration in testdata/plans. After a
// change of that configuration a test fails until go generate ./infra has made them anew.
// It needs terraform, the AWS provider in a filesystem mirror, and moto_server, an
// emulator of AWS.
package infra

//go:generate go test -count=1 -timeout=60m -run=TestRecordPlans . -update
