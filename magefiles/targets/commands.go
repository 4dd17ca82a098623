package targets

import (
	"embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
)

// targetSources are this package's own files. Mage reads the targets and what they take from the source; so does
// this package, because the compiled program does not hold the parameters' names. A list of the files that declare
// targets would be out of date one day, so that all are taken, and the tests among them skipped.
//
//go:embed *.go
var targetSources embed.FS

// command is a target as it is called.
type command struct {
	// name is in lower case, because mage takes a target's name in any letter case: deploy:dev.
	name string
	// words are the names of the parameters that have to be given, in order.
	words []string
	// options are the flags.
	options []option
}

// option is a flag of a target: its name, and its type, such as bool or string.
type option struct{ name, kind string }

// option returns the flag of that name, in any letter case.
func (c command) option(name string) (option, bool) {
	for _, o := range c.options {
		if strings.EqualFold(o.name, name) {
			return o, true
		}
	}
	return option{}, false
}

// commands are all targets, by the names that they can be called by.
type commands map[string]command

func (all commands) find(name string) (command, bool) {
	c, ok := all[strings.ToLower(name)]
	return c, ok
}

// readCommands reads the targets from the source, and gives them their aliases.
func readCommands(aliases map[string]any) (commands, error) {
	files, err := targetSources.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("read the targets' source: %w", err)
	}
	all := commands{}
	for _, file := range files {
		if strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		content, err := targetSources.ReadFile(file.Name())
		if err != nil {
			return nil, fmt.Errorf("read the targets' source: %w", err)
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file.Name(), content, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("read the targets' source: %w", err)
		}
		for _, declared := range parsed.Decls {
			if f, ok := declared.(*ast.FuncDecl); ok {
				all.add(f)
			}
		}
	}
	for alias, target := range aliases {
		if c, ok := all.find(aliased(target)); ok {
			all[strings.ToLower(alias)] = c
		}
	}
	return all, nil
}

// add adds a function or method if it is a target: exported, with parameters of the types that mage can fill.
func (all commands) add(f *ast.FuncDecl) {
	name, ok := targetName(f)
	if !ok {
		return
	}
	c := command{name: name}
	for n, field := range f.Type.Params.List {
		kind, optional := kindOf(field.Type)
		switch {
		case n == 0 && kind == "context.Context":
			continue
		case kind == "":
			return
		}
		for _, parameter := range field.Names {
			if optional {
				c.options = append(c.options, option{parameter.Name, kind})
			} else {
				c.words = append(c.words, strings.ToUpper(parameter.Name))
			}
		}
	}
	all[name] = c
}

// targetName is what a function is called by, if it can be a target.
func targetName(f *ast.FuncDecl) (name string, ok bool) {
	if !f.Name.IsExported() {
		return "", false
	}
	if f.Recv == nil {
		return strings.ToLower(f.Name.Name), true
	}
	namespace, ok := f.Recv.List[0].Type.(*ast.Ident)
	if !ok || !namespace.IsExported() {
		return "", false
	}
	return strings.ToLower(namespace.Name + ":" + f.Name.Name), true
}

// kindOf is a parameter's type if mage can fill it; a pointer makes it a flag.
func kindOf(parameter ast.Expr) (kind string, optional bool) {
	if star, ok := parameter.(*ast.StarExpr); ok {
		parameter, optional = star.X, true
	}
	switch t := parameter.(type) {
	case *ast.Ident:
		switch t.Name {
		case "string", "int", "float64", "bool":
			return t.Name, optional
		}
	case *ast.SelectorExpr:
		switch name := fmt.Sprint(t.X, ".", t.Sel); name {
		case "context.Context", "time.Duration":
			return name, optional
		}
	}
	return "", optional
}
