package rollout

import (
	"fmt"
	"regexp"
	"strings"
)

// Release is one image by its digest, so that every instance runs the same bytes
// whatever happens to the tag meanwhile.
type Release struct {
	// Image is the full reference, repository@sha256:hex, and the one that is pulled.
	Image string `json:"image"`
	// Tag is the name that the digest was resolved from; may be empty.
	Tag string `json:"tag,omitempty"`
	// Commit is the revision the image was built from; empty if only the image itself
	// names it.
	Commit string `json:"commit,omitempty"`
}

var digestReference = regexp.MustCompile(`^[^\s@]+@sha256:[0-9a-f]{64}$`)

// Validate reports whether the release names an image by a SHA-256 digest.
func (r Release) Validate() error {
	if !digestReference.MatchString(r.Image) {
		return fmt.Errorf("release %q is not pinned to a digest: want repository@sha256:<64 hex digits>", r.Image)
	}
	return nil
}

// Digest returns the release's digest, "sha256:…", or "" if it has none.
func (r Release) Digest() string {
	_, digest, _ := strings.Cut(r.Image, "@")
	return digest
}

// Repository returns the image's repository, without digest.
func (r Release) Repository() string {
	repository, _, _ := strings.Cut(r.Image, "@")
	return repository
}

// String returns the release for people: the tag if there is one, then the
// digest. Commits and digests are cut to twelve digits.
func (r Release) String() string {
	short := abbreviate(strings.TrimPrefix(r.Digest(), "sha256:"))
	switch {
	case short == "":
		return "no release"
	case r.Tag == "":
		return short
	case hexName.MatchString(r.Tag):
		return abbreviate(r.Tag) + " (" + short + ")"
	default:
		return r.Tag + " (" + short + ")"
	}
}

var hexName = regexp.MustCompile(`^[0-9a-f]{40}$`)

func abbreviate(name string) string { return name[:min(len(name), 12)] }

// Instance is one machine of the fleet, as Terraform's outputs describe it.
type Instance struct {
	// ID is the EC2 instance ID, i-….
	ID string `json:"id"`
	// Name is for people; may be empty.
	Name string `json:"name,omitempty"`
	// Zone is the availability zone the instance is in.
	Zone string `json:"zone"`
	// Address is the address of the SSH server: host or host:port.
	Address string `json:"address"`
}
