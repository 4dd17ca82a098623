package rollout

import (
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// No file of the package calls a function of a file that calls back into it, directly or through others. So a reader can
// begin with the commands and read downward.
func TestCallsBetweenFilesRunDownward(t *testing.T) {
	calls := callsBetweenFiles(t)
	require.NotEmpty(t, calls["run.go"])
	for from := range calls {
		for _, to := range slices.Sorted(maps.Keys(calls[from])) {
			assert.False(t, reaches(calls, to, from, map[string]bool{}), "%s calls %s of %s, which calls back", from, calls[from][to], to)
		}
	}
}

// callsBetweenFiles returns for each file the files that it calls, with one of the functions called.
func callsBetweenFiles(t *testing.T) map[string]map[string]string {
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if built, err := build.Default.MatchFile(".", name); err != nil || !built || strings.HasSuffix(name, "_test.go") {
			require.NoError(t, err)
			continue
		}
		file, err := parser.ParseFile(set, name, nil, 0)
		require.NoError(t, err)
		files = append(files, file)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: importer.ForCompiler(set, "source", nil)}
	pkg, err := config.Check("rollout", set, files, info)
	require.NoError(t, err)
	calls := map[string]map[string]string{}
	for used, object := range info.Uses {
		from, to := set.Position(used.Pos()).Filename, set.Position(object.Pos()).Filename
		if _, function := object.(*types.Func); !function || object.Pkg() != pkg || from == to {
			continue
		}
		if calls[from] == nil {
			calls[from] = map[string]string{}
		}
		calls[from][to] = object.Name()
	}
	return calls
}

func reaches(calls map[string]map[string]string, from, to string, seen map[string]bool) bool {
	if from == to {
		return true
	}
	seen[from] = true
	for next := range calls[from] {
		if !seen[next] && reaches(calls, next, to, seen) {
			return true
		}
	}
	return false
}
