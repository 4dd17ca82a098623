// Package ec2test is an EC2 in memory for tests of Terraform configurations. It implements the calls that Terraform's
// AWS provider makes for instances.
package ec2test
