package targets

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magefile/mage/mg"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestOneFilePrints holds that nothing but out.go reaches standard output or error, so
// that all that is printed is cleaned.
func TestOneFilePrints(t *testing.T) {
	seen := 0
	for name, file := range sources(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			at := fmt.Sprintf("%s prints past out.go", name)
			switch n := n.(type) {
			case *ast.SelectorExpr:
				of, _ := n.X.(*ast.Ident)
				text := fmt.Sprintf("%s.%s", of, n.Sel.Name)
				printing := strings.HasPrefix(text, "fmt.Print") || text == "os.Stdout" || text == "os.Stderr"
				if name == "out.go" {
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
	for name, file := range sources(t) {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !isTarget(f) {
				continue
			}
			targets++
			first := f.Body.List[0]
			call, ok := first.(*ast.DeferStmt)
			require.True(t, ok, "%s: %s begins without defer cleanError(&err)", name, f.Name.Name)
			cleaner, _ := call.Call.Fun.(*ast.Ident)
			assert.Equal(t, "cleanError", cleaner.String(), "%s: %s", name, f.Name.Name)
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
	result, ok := f.Type.Results.List[0].Type.(*ast.Ident)
	return ok && result.Name == "error"
}

// sources are the package's files, by name, without the tests.
func sources(t *testing.T) map[string]*ast.File {
	t.Helper()
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	files := map[string]*ast.File{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		files[name], err = parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
	}
	return files
}

func TestCleanError(t *testing.T) {
	cause := errors.New("AccessDenied: \x1b[2J##[error]no\n::add-mask::a\u202eb")
	clean := func(err error) error { cleanError(&err); return err }
	err := clean(mg.Fatal(3, fmt.Errorf("describe: %w", cause)))
	assert.Equal(t, "describe: AccessDenied:  ## [error]no\n: :add-mask::a b", fmt.Sprintf("%+v", err))
	assert.Equal(t, 3, mg.ExitStatus(err))
	err = clean(fmt.Errorf("describe: %w", cause))
	assert.Equal(t, 1, mg.ExitStatus(err))
	require.ErrorIs(t, err, cause)
	assert.NoError(t, clean(nil))
}
