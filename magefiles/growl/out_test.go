package growl_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestOnePackagePrints holds that no target reaches standard output or error past internal/console, so that all that is
// printed is cleaned.
func TestOnePackagePrints(t *testing.T) {
	seen := 0
	for name, file := range targetFiles(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			at := fmt.Sprintf("%s prints past internal/console", name)
			switch n := n.(type) {
			case *ast.SelectorExpr:
				of, _ := n.X.(*ast.Ident)
				text := fmt.Sprintf("%s.%s", of, n.Sel.Name)
				printing := strings.HasPrefix(text, "fmt.Print") || text == "os.Stdout" || text == "os.Stderr"
				if strings.Contains(name, "internal/console/") {
					seen += map[bool]int{true: 1}[printing]
					break
				}
				assert.False(t, printing, "%s: %s", at, text)
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.Ident); ok {
					assert.NotContains(t, []string{"print", "println"}, f.Name, at)
				}
			case *ast.ImportSpec:
				assert.NotContains(t, []string{`"log"`, `"log/slog"`, `"github.com/magefile/mage/sh"`}, n.Path.Value, at)
			}
			return true
		})
	}
	assert.NotZero(t, seen, "the test does not see what prints")
}

// TestEveryTargetCleansItsError goes through all targets: mage prints what they return
// as it is.
func TestEveryTargetCleansItsError(t *testing.T) {
	targets := 0
	for name, file := range targetFiles(t) {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !strings.Contains(filepath.Dir(name), "../") || strings.Contains(name, "internal/") || !isTarget(f) {
				continue
			}
			targets++
			first := f.Body.List[0]
			call, ok := first.(*ast.DeferStmt)
			require.True(t, ok, "%s: %s begins without defer console.CleanError(&err)", name, f.Name.Name)
			cleaner, _ := call.Call.Fun.(*ast.SelectorExpr)
			require.NotNil(t, cleaner, "%s: %s", name, f.Name.Name)
			assert.Equal(t, "CleanError", cleaner.Sel.Name, "%s: %s", name, f.Name.Name)
		}
	}
	assert.Greater(t, targets, 20, "the test does not see the targets")
}

// isTarget reports whether mage takes a function for a target: exported, of no type or
// of a namespace, and with an error for its result.
func isTarget(f *ast.FuncDecl) bool {
	if !f.Name.IsExported() || f.Type.Results == nil || len(f.Type.Results.List) != 1 {
		return false
	}
	if f.Recv != nil {
		receiver, plain := f.Recv.List[0].Type.(*ast.Ident)
		if !plain || !receiver.IsExported() || len(f.Recv.List[0].Names) > 0 {
			return false
		}
	}
	for _, p := range f.Type.Params.List {
		if of, ok := p.Type.(*ast.SelectorExpr); ok && of.Sel.Name != "Context" && of.Sel.Name != "Duration" {
			return false // mage cannot fill it
		}
	}
	result, ok := f.Type.Results.List[0].Type.(*ast.Ident)
	return ok && result.Name == "error"
}

// targetFiles are the files of the targets and of what they print with, by name, without the tests.
func targetFiles(t *testing.T) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	for _, folder := range []string{"../targets", "../growl", "../upkeep", "../../internal/console", "../../internal/bench", "../../internal/githook"} {
		names, err := filepath.Glob(folder + "/*.go")
		require.NoError(t, err)
		require.NotEmpty(t, names, folder)
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			files[name], err = parser.ParseFile(token.NewFileSet(), name, nil, 0)
			require.NoError(t, err)
		}
	}
	return files
}
