package commandline

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strings"
)

// Command is a target and its parameters.
type Command struct {
	// Name is in lower case, because mage accepts a target's name in any letter case: deploy:dev.
	Name string
	// Words are the names of the parameters that have to be given, in order.
	Words []string
	// Options are the flags.
	Options []Option
}

// Option is a flag of a target: its name, and its type, such as bool or string.
type Option struct{ Name, Kind string }

// option returns the flag of that name, in any letter case.
func (c Command) option(name string) (Option, bool) {
	for _, o := range c.Options {
		if strings.EqualFold(o.Name, name) {
			return o, true
		}
	}
	return Option{}, false
}

// Commands are all targets, by the names that they can be called by.
type Commands map[string]Command

func (all Commands) find(name string) (Command, bool) {
	c, ok := all[strings.ToLower(name)]
	return c, ok
}

// Read reads the targets from the Go files of their packages, and gives them their aliases, which are the magefile's.
func Read(sources []fs.FS, aliases map[string]any) (Commands, error) {
	all := Commands{}
	for _, source := range sources {
		if err := all.read(source); err != nil {
			return nil, err
		}
	}
	for alias, target := range aliases {
		if c, ok := all.find(aliased(target)); ok {
			all[strings.ToLower(alias)] = c
		}
	}
	return all, nil
}

// read adds the targets of a package.
func (all Commands) read(source fs.FS) error {
	files, err := fs.Glob(source, "*.go")
	if err != nil {
		return fmt.Errorf("read the targets' source: %w", err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		content, err := fs.ReadFile(source, name)
		if err != nil {
			return fmt.Errorf("read the targets' source: %w", err)
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, content, parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("read the targets' source: %w", err)
		}
		for _, declared := range parsed.Decls {
			if f, ok := declared.(*ast.FuncDecl); ok {
				all.add(f)
			}
		}
	}
	return nil
}

// add adds a function or method if it is a target: exported, with parameters of the types that mage can fill.
func (all Commands) add(f *ast.FuncDecl) {
	name, ok := targetName(f)
	if !ok {
		return
	}
	c := Command{Name: name}
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
				c.Options = append(c.Options, Option{parameter.Name, kind})
			} else {
				c.Words = append(c.Words, strings.ToUpper(parameter.Name))
			}
		}
	}
	all[name] = c
}

// targetName returns the name of a function's target, if it can be one.
func targetName(f *ast.FuncDecl) (name string, ok bool) {
	if !f.Name.IsExported() || !returnsError(f.Type.Results) {
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

// returnsError reports whether a function returns nothing, or an error alone.
func returnsError(results *ast.FieldList) bool {
	if results.NumFields() == 0 {
		return true
	}
	only, ok := results.List[0].Type.(*ast.Ident)
	return ok && only.Name == "error" && results.NumFields() == 1
}

// kindOf returns a parameter's type if mage can fill it; a pointer makes it a flag.
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
