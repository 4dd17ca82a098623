// Package iam evaluates identity policies like AWS's Identity and Access Management: a request is allowed if a
// statement allows it and none denies it.
//
// It implements the part of the policy language that the policies of this project use. [Parse] refuses everything else,
// because with an ignored condition a policy could allow more here than in AWS, so that a test would pass that should
// fail. Resource-based policies, permission boundaries and policy variables are not implemented.
package iam
