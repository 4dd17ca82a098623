package upkeep

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestOnlyTheDeclarationNamesTheService holds that every package but the declaration serves any service: the product's
// files hold the service's name in import paths only.
func TestOnlyTheDeclarationNamesTheService(t *testing.T) {
	declaration, seen := 0, 0
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		name := filepath.ToSlash(strings.TrimPrefix(path, "../../"))
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == "growl-backend" || name == "e2e" || entry.Name() == "testdata" || entry.Name() == ".git"):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		lines := named(string(text))
		if strings.HasPrefix(name, "magefiles/growl/") {
			declaration += len(lines)
			return nil
		}
		seen++
		assert.Empty(t, lines, name)
		return nil
	})
	require.NoError(t, err)
	assert.Greater(t, seen, 200, "the test does not see the files")
	assert.NotZero(t, declaration, "the test does not see the name")
}

// importPath matches what follows from the path of the module: import paths, and names of the package growl.
var importPath = regexp.MustCompile(`github\.com/growl-dev/deploy[\w/-]*|\bgrowl\.[A-Z]\w*`)

// named returns the lines of a Go file that hold the service's name.
func named(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if strings.Contains(strings.ToLower(importPath.ReplaceAllString(line, "")), "growl") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func TestNamesAreFound(t *testing.T) {
	assert.Equal(t, []string{`const name = "growl-backend"`, "// dev.Growl"}, named(`import "github.com/growl-dev/deploy/magefiles/growl"
const name = "growl-backend"
// dev.Growl
var s = growl.Service()
`))
}
