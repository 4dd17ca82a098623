package engine

import (
	"net/http"
	"strings"

	"github.com/distribution/reference"
)

// distribution serves GET /distribution/{name}/json: it returns the digest of an image in a registry without pulling
// it. Of the platforms of an index it returns only this machine's.
func (h *imageAPI) distribution(w http.ResponseWriter, r *http.Request) error {
	text, ok := strings.CutSuffix(r.PathValue("rest"), "/json")
	if !ok {
		return notFound("page not found")
	}
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return badRequest("invalid reference format: %q", text)
	}
	auth, err := registryAuth(r.Header)
	if err != nil {
		return err
	}
	ref := reference.TagNameOnly(named)
	found, err := h.resolve(r.Context(), ref, auth)
	if err != nil {
		return err
	}
	config, err := found.image.ConfigFile()
	if err != nil {
		return registryError(ref, auth, err)
	}
	writeJSON(w, http.StatusOK, distributed{
		Descriptor: described{Digest: found.digest.String()},
		Platforms:  []platform{{OS: config.OS, Architecture: config.Architecture}},
	})
	return nil
}

// distributed is the part of the answer that this engine serves.
type distributed struct {
	Descriptor described
	Platforms  []platform
}

type described struct {
	Digest string `json:"digest"`
}

type platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
}
