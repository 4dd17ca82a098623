package targets_test

import (
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/growl-dev/deploy/fleet"
)

// TestTheDocumentedCodeIsTheTestedOne compares the documents with the adopter's files.
func TestTheDocumentedCodeIsTheTestedOne(t *testing.T) {
	for _, block := range []struct{ document, after, file string }{
		{"docs/adopt.md", "## 1. Declare the service", "magefile.go"},
		{"docs/adopt.md", "## From a program", "ship/main.go"},
		{"docs/adopt.md", "## New instances", "boot/main.go"},
		{"README.md", "## As a library", "ship/main.go"},
	} {
		tested := readFile(t, filepath.Join(adopter, block.file))
		assert.Equal(t, tested, fenced(t, block.document, block.after, "go"), "%s, %s", block.document, block.after)
	}
	assert.Contains(t, inAdopter(t, "run", "./boot"), "container='orders-api'")
}

// TestTheDocumentedFleetIsOne reads the examples of the document and of the package's documentation.
func TestTheDocumentedFleetIsOne(t *testing.T) {
	documented := fenced(t, "docs/adopt.md", "## 4. Describe the fleet", "json")
	example := regexp.MustCompile(`(?ms)^//\t\{$.*?^//\t\}$`).FindString(readFile(t, "../../fleet/doc.go"))
	require.NotEmpty(t, example)
	s := newShell(t)
	for name, text := range map[string]string{"document": documented, "package": strings.ReplaceAll(example, "//\t", "")} {
		s.write(t, name, text)
		f, err := fleet.File(filepath.Join(s.dir, name)).Fleet(t.Context(), "staging")
		require.NoError(t, err, name)
		assert.Len(t, f.Instances, 2, name)
	}
}

// TestEveryFieldOfAFleetIsDocumented: the document's table has a row for each.
func TestEveryFieldOfAFleetIsDocumented(t *testing.T) {
	_, table, found := strings.Cut(readFile(t, "../../docs/adopt.md"), "| field | holds |\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n\n")
	var want []string
	for field := range reflect.TypeFor[fleet.Fleet]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		want = append(want, name)
	}
	var rows []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(table, -1) {
		rows = append(rows, row[1])
	}
	assert.ElementsMatch(t, want, rows)
}

// fenced returns the first block of a language in a file of the repository, after a text.
func fenced(t *testing.T, file, after, language string) string {
	t.Helper()
	_, rest, found := strings.Cut(readFile(t, "../../"+file), after)
	require.True(t, found, "%s has no %q", file, after)
	_, rest, found = strings.Cut(rest, "```"+language+"\n")
	require.True(t, found, "%s has no block of %s after %q", file, language, after)
	block, _, _ := strings.Cut(rest, "```")
	return block
}
