package ecr

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/distribution/reference"
)

// uri is the parsed URI of a repository.
type uri struct {
	named reference.Named
	// registry is the account ID and region its region; both are empty for a host that is not ECR's.
	registry, region string
}

// host matches ECR's host names: ACCOUNT.dkr.ecr.REGION.amazonaws.com, and the FIPS and dual-stack names and those of
// other partitions.
var host = regexp.MustCompile(`^([0-9]{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws|on\.amazonwebservices\.com\.cn)$`)

// parseURI parses HOST/REPOSITORY, without tag or digest.
func parseURI(text string) (uri, error) {
	const want = "want HOST/REPOSITORY such as 123456789012.dkr.ecr.us-west-1.amazonaws.com/orders-api"
	parsed, err := reference.Parse(text)
	if err != nil {
		return uri{}, fmt.Errorf("parse repository %q: %w: %s", text, err, want)
	}
	named, ok := parsed.(reference.Named)
	switch {
	case !ok:
		return uri{}, fmt.Errorf("parse repository %q: it has no name: %s", text, want)
	case !reference.IsNameOnly(named):
		return uri{}, fmt.Errorf("parse repository %q: it has a tag or digest: %s", text, want)
	case !isHost(reference.Domain(named)):
		return uri{}, fmt.Errorf("parse repository %q: it has no host: %s", text, want)
	}
	u := uri{named: named}
	if m := host.FindStringSubmatch(reference.Domain(named)); m != nil {
		u.registry, u.region = m[1], m[2]
	}
	return u, nil
}

// isHost reports whether the first part of a reference is a host and not a part of the path. All registry clients use
// this rule: a host has a dot or a port, or is localhost.
func isHost(domain string) bool {
	return strings.ContainsAny(domain, ".:") || domain == "localhost"
}

// repository returns the name that ECR's API uses.
func (u uri) repository() string { return reference.Path(u.named) }

// checkTag returns an error for a malformed tag.
func (u uri) checkTag(tag string) error {
	if _, err := reference.WithTag(u.named, tag); err != nil {
		return fmt.Errorf("tag %q: %w: want at most 128 letters, digits, dots, dashes or underscores", tag, err)
	}
	return nil
}

// checkDigest returns an error for a text that is not a SHA-256 digest.
func (u uri) checkDigest(digest string) error {
	const want = "want sha256:<64 hex digits>"
	if !strings.HasPrefix(digest, "sha256:") {
		return fmt.Errorf("digest %q: %w: %s", digest, reference.ErrDigestInvalidFormat, want)
	}
	if _, err := reference.Parse(u.named.Name() + "@" + digest); err != nil {
		return fmt.Errorf("digest %q: %w: %s", digest, err, want)
	}
	return nil
}
