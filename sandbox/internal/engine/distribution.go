package engine

import (
	"net/http"
	"strings"

	"github.com/distribution/reference"
)

// distribution answers GET /distribution/{name}/json: what an image in a registry is, without pulling it. Of an
// index it names the platform of this machine alone.
func (e *Engine) distribution(w http.ResponseWriter, r *http.Request) error {
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
	found, err := e.resolve(r.Context(), ref, auth)
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

// distributed is the answer, as far as it is served.
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
