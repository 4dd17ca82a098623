// Package ec2test answers, from memory, what Terraform's AWS provider asks EC2
// about instances: for tests of configurations that make some.
package ec2test
