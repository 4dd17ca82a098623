package nlb

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// group is one target group. Its fields are the parts of its ARN.
type group struct {
	arn    string
	name   string
	region string
}

// parseGroup reads arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/NAME/ID.
func parseGroup(text string) (group, error) {
	const want = "want arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/NAME/ID"
	parsed, err := arn.Parse(text)
	if err != nil {
		return group{}, fmt.Errorf("parse target group ARN %q: %w: %s", text, err, want)
	}
	resource := strings.Split(parsed.Resource, "/")
	switch {
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }),
		parsed.Service != "elasticloadbalancing",
		parsed.Region == "" || parsed.AccountID == "",
		len(resource) != 3 || resource[0] != "targetgroup" || slices.Contains(resource, ""):
		return group{}, fmt.Errorf("parse target group ARN %q: %s", text, want)
	}
	return group{arn: text, name: resource[1], region: parsed.Region}, nil
}

// in returns an error if the group is in another region. AWS would refuse such an ARN with a validation error that
// names neither region.
func (g group) in(region string) error {
	if g.region == region {
		return nil
	}
	return fmt.Errorf("target group %s is in %s, not in %s: name a group of %[3]s or change the region", g.arn, g.region, region)
}
