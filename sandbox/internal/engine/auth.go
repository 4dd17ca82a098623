package engine

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/moby/moby/api/types/registry"
)

// registryAuth reads the registry's credentials from the header. Without the header the pull is anonymous.
func registryAuth(h http.Header) (authn.Authenticator, error) {
	text := strings.TrimRight(h.Get(registry.AuthHeader), "=")
	if text == "" {
		return authn.Anonymous, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, badRequest("bad %s header: not base64url", registry.AuthHeader)
	}
	var auth registry.AuthConfig
	if err := json.Unmarshal(raw, &auth); err != nil {
		return nil, badRequest("bad %s header: not JSON", registry.AuthHeader)
	}
	if auth == (registry.AuthConfig{}) || auth == (registry.AuthConfig{ServerAddress: auth.ServerAddress}) {
		return authn.Anonymous, nil
	}
	return authn.FromConfig(authn.AuthConfig{
		Username: auth.Username, Password: auth.Password, Auth: auth.Auth,
		IdentityToken: auth.IdentityToken, RegistryToken: auth.RegistryToken,
	}), nil
}
