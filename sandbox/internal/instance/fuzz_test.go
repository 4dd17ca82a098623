package instance

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
)

func FuzzPaths(f *testing.F) {
	for _, seed := range []string{"", "/", "/proc", "/proc/12/net/tcp", "/proc/12/net/x/y", "../..", "/proc/012", "//a/../..", "a\x00b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, p string) {
		assert.True(t, filepath.IsLocal(filepath.FromSlash(inRoot(p))), "a name in the root folder")
		pid, file, depth := splitProc(p)
		assert.True(t, depth >= 0 && depth <= 4)
		assert.Equal(t, depth == 4, file != "")
		if depth < 2 {
			assert.Zero(t, pid)
		}
	})
}
