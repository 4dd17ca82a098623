package rollout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheWallClockDecidesNothing: a clock that is set, or jumps, in the middle of a
// run moves no wait, because times that time.Now answers are compared by the
// monotonic clock as long as nobody takes that away from them. Who does so here has
// to say why: a run's name is made of the date, and an intent grows old by any clock, which costs another intent.
func TestTheWallClockDecidesNothing(t *testing.T) {
	strips := map[string]bool{
		"UTC": true, "Local": true, "In": true, "Truncate": true, "AddDate": true,
		"Unix": true, "UnixMilli": true, "UnixMicro": true, "UnixNano": true, "Date": true, "Parse": true,
	}
	allowed := map[string]bool{"run_id.go NewID UTC": true, "fence.go stopwatchOf Round": true}
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	files := token.NewFileSet()
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, name, nil, 0)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			in := ""
			if f, ok := decl.(*ast.FuncDecl); ok {
				in = f.Name.Name
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				if f, ok := call.Fun.(*ast.SelectorExpr); ok && (strips[f.Sel.Name] || roundsToNothing(f, call.Args)) && !allowed[strings.Join([]string{name, in, f.Sel.Name}, " ")] {
					t.Errorf("%s: %s takes the monotonic clock from a time", files.Position(call.Pos()), f.Sel.Name)
				}
				return true
			})
		}
	}
}

// roundsToNothing finds t.Round(0), the documented way to strip a time.
func roundsToNothing(f *ast.SelectorExpr, args []ast.Expr) bool {
	if f.Sel.Name != "Round" || len(args) != 1 {
		return false
	}
	n, ok := args[0].(*ast.BasicLit)
	return ok && n.Value == "0"
}
