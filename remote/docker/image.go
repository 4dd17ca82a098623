package docker

import (
	"strings"

	"github.com/distribution/reference"
)

// commit is the revision the image names in its environment; empty when it
// names none. "unknown" is what a Dockerfile writes that was built without the
// build argument.
func (i image) commit() string {
	if i.Config == nil {
		return ""
	}
	commit := envValue(i.Config.Env, "GIT_COMMIT")
	if commit == "unknown" {
		return ""
	}
	return commit
}

// digestFor is the image as repository@digest: the repository of the name it is
// used by where the engine knows a digest there, else any; empty without one.
func (i image) digestFor(used string) string {
	wanted := repository(used)
	for _, candidate := range i.RepoDigests {
		if wanted != "" && repository(candidate) == wanted {
			return candidate
		}
	}
	if len(i.RepoDigests) == 0 {
		return ""
	}
	return i.RepoDigests[0]
}

// has tells whether the image was pulled as repository@digest.
func (i image) has(ref string) bool {
	_, digest, _ := strings.Cut(ref, "@")
	for _, candidate := range i.RepoDigests {
		_, known, _ := strings.Cut(candidate, "@")
		if known == digest && repository(candidate) == repository(ref) {
			return true
		}
	}
	return false
}

// repository is a reference's full repository: "nginx@sha256:…" is
// docker.io/library/nginx. Empty for what is no reference, such as an image ID.
func repository(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil || strings.HasPrefix(ref, "sha256:") {
		return ""
	}
	return named.Name()
}

// registryOf is the host a reference is pulled from.
func registryOf(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ""
	}
	return reference.Domain(named)
}
