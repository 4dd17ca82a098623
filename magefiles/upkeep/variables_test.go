package upkeep

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestOneVariableIsAssignedAfterStartUp holds that the project keeps no state in package-level variables but the service
// that a magefile declares, because mage calls targets on zero values and can hand them nothing.
func TestOneVariableIsAssignedAfterStartUp(t *testing.T) {
	var assigned []string
	for _, line := range list(t, `{{.ImportPath}}|{{.Dir}}|{{join .GoFiles " "}} {{join .IgnoredGoFiles " "}}`) {
		parts := strings.Split(line, "|")
		name, _ := ours(parts[0])
		for _, variable := range assignedIn(t, parts[1], strings.Fields(parts[2])) {
			assigned = append(assigned, name+": "+variable)
		}
	}
	assert.Equal(t, []string{"magefiles/targets: declared"}, assigned)
}

// assignedIn returns the package-level variables that the functions of a package assign to, wherever they are declared.
func assignedIn(t *testing.T, dir string, names []string) []string {
	t.Helper()
	files := token.NewFileSet()
	var parsed []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		parsed = append(parsed, file)
	}
	return assignments(files, parsed)
}

// assignments resolves names like the compiler, so that a local variable of the same name is not mistaken for one of
// the package. It does not read imports, because an assigned name of another package can only be a variable.
func assignments(files *token.FileSet, parsed []*ast.File) (found []string) {
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: noImports{}, Error: func(error) {}}
	pkg, _ := config.Check("p", files, parsed, info) // the imports are missing
	add := func(to ast.Expr) {
		if name, ok := variable(info, pkg, to); ok {
			found = append(found, name)
		}
	}
	for _, file := range parsed {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, to := range n.Lhs {
					add(to)
				}
			case *ast.IncDecStmt:
				add(n.X)
			case *ast.RangeStmt:
				add(n.Key)
				add(n.Value)
			}
			return true
		})
	}
	return found
}

// variable returns the package-level variable that an assignment to an expression changes, a field or an element of it
// included.
func variable(info *types.Info, pkg *types.Package, to ast.Expr) (name string, ok bool) {
	for {
		switch e := to.(type) {
		case *ast.Ident:
			v, ok := info.Uses[e].(*types.Var)
			return e.Name, ok && v.Parent() == pkg.Scope()
		case *ast.SelectorExpr:
			if x, ok := e.X.(*ast.Ident); ok {
				if of, ok := info.Uses[x].(*types.PkgName); ok {
					return of.Name() + "." + e.Sel.Name, true
				}
			}
			to = e.X
		case *ast.IndexExpr:
			to = e.X
		case *ast.StarExpr:
			to = e.X
		case *ast.ParenExpr:
			to = e.X
		default:
			return "", false
		}
	}
}

// noImports makes every import fail.
type noImports struct{}

func (noImports) Import(string) (*types.Package, error) {
	return nil, errors.New("imports are not read")
}

func TestAssignmentsAreFound(t *testing.T) {
	const source = `package p

import "net/http"

var (
	plain, swapped int
	table          = map[string]int{}
	pointer        = new(struct{ field int })
	untouched      = 1
)

var initial = func() int { return untouched }()

func f() {
	plain = 1
	plain++
	table["a"] = 1
	(*pointer).field = 1
	pointer.field += 1
	http.DefaultClient = nil
	_, swapped = 1, 2
	for plain = range 3 {
	}
	untouched := 2
	untouched = 3
	local := table
	local["b"] = untouched
}

func g(table map[string]int) { table["c"] = 1 }
`
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "p.go", source, 0)
	require.NoError(t, err)
	assert.Equal(t, []string{"plain", "plain", "table", "pointer", "pointer", "http.DefaultClient", "swapped", "plain"}, assignments(files, []*ast.File{file}))
}
