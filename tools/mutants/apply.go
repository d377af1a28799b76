package main

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
)

// apply returns the source with the mutation in it, formatted.
func (m *mutation) apply(source []byte) ([]byte, error) {
	from, to, err := m.within(source)
	if err != nil {
		return nil, err
	}
	found := m.pattern().FindAllIndex(source[from:to], 2)
	if len(found) != 1 {
		return nil, fmt.Errorf("the old text occurs %s in %s", [...]string{0: "nowhere", 2: "more than once"}[len(found)],
			strings.TrimSpace(m.file+" "+m.function))
	}
	at := found[0]
	mutated := string(source[:from+at[0]]) + strings.Join(m.new, "\n") + string(source[from+at[1]:])
	return format.Source([]byte(mutated))
}

// pattern finds the old text, whatever its indentation.
func (m *mutation) pattern() *regexp.Regexp {
	quoted := make([]string, len(m.old))
	for i, line := range m.old {
		quoted[i] = regexp.QuoteMeta(line)
	}
	return regexp.MustCompile(strings.Join(quoted, `[ \t]*\n[ \t]*`))
}

// within returns where in the source the mutation is to be: in its function, if it names one.
func (m *mutation) within(source []byte) (from, to int, err error) {
	if m.function == "" {
		return 0, len(source), nil
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, m.file, source, parser.SkipObjectResolution)
	if err != nil {
		return 0, 0, err
	}
	for _, declaration := range file.Decls {
		if f, ok := declaration.(*ast.FuncDecl); ok && (m.function == f.Name.Name || m.function == receiver(f)+"."+f.Name.Name) {
			return set.Position(f.Pos()).Offset, set.Position(f.End()).Offset, nil
		}
	}
	return 0, 0, fmt.Errorf("%s has no function %s", m.file, m.function)
}

// receiver returns the type that a method belongs to; empty for a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	of := f.Recv.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	if name, ok := of.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}
