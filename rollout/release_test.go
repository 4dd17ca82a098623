package rollout

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestReleaseNamesItselfShortly(t *testing.T) {
	image := "repo/app@sha256:" + strings.Repeat("ab", 32)
	for want, r := range map[string]Release{
		"abababababab":                {Image: image},
		"latest (abababababab)":       {Image: image, Tag: "latest"},
		"cdcdcdcdcdcd (abababababab)": {Image: image, Tag: strings.Repeat("cd", 20)},
		"no release":                  {},
	} {
		assert.Equal(t, want, r.String())
	}
}

func TestReleaseMustBePinned(t *testing.T) {
	assert.NoError(t, Release{Image: "repo/app@sha256:" + strings.Repeat("ab", 32)}.Validate())
	for _, image := range []string{"", "repo/app", "repo/app:latest", "@sha256:" + strings.Repeat("ab", 32), "repo@sha256:abc", "re po@sha256:" + strings.Repeat("ab", 32)} {
		assert.ErrorContains(t, Release{Image: image}.Validate(), "not pinned", image)
	}
}
