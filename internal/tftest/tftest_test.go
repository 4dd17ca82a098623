package tftest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMirrorIsFoundInBothLayouts: `terraform providers mirror` leaves the provider packed, beside an index.
func TestMirrorIsFoundInBothLayouts(t *testing.T) {
	for name, file := range map[string]string{
		"unpacked": provider + "/linux_amd64/terraform-provider-aws",
		"packed":   provider + ".json",
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			assert.Empty(t, mirrorBelow(root))
			mirror := filepath.Join(root, "plugins")
			require.NoError(t, os.MkdirAll(filepath.Join(mirror, filepath.Dir(file)), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(mirror, file), nil, 0o600))
			assert.Equal(t, mirror, mirrorBelow(root))
		})
	}
}
