// Package infra manages an environment's infrastructure with Terraform: it plans and applies changes, detects drift,
// and certifies the instances' SSH host keys.
//
//   - [Open] runs Terraform for one environment, with a data directory and a
//     workspace of its own: [Environment.Plan], [Plan.Apply],
//     [Environment.Outputs].
//   - [Gate] refuses a rollout over drift. It distinguishes changes in AWS from
//     changes in the code. It reads the plan's JSON: changed resources and
//     outputs, failed check blocks, and an SSM parameter that was written by
//     hand, which the plan itself leaves unchanged.
//   - [Plan.Apply] refuses to take more than one instance of a target group out of
//     service at once; [Environment.OneByOne] replaces them in turn.
//   - [EnvFile] compares an env file with the seal in git.
//   - [OpenAuthority] is the SSH CA that certifies new instances.
//
// Messages name attributes and never contain values, because user data and env files are secret.
//
// The tests read plans of this repository's own configuration in testdata/plans. After a change of that configuration a
// test fails until go generate ./infra has recorded them again. That needs terraform, the AWS provider in a filesystem
// mirror, and moto_server, an emulator of AWS.
package infra

//go:generate go test -count=1 -timeout=60m -run=TestRecordPlans . -update
