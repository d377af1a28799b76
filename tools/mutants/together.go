package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// mutantVariable chooses, in the environment of a program that holds all mutations, one of them by its number; 0: none.
const mutantVariable = "YGGR_MUTANT"

// together puts every mutation into one tree, so that it is built once: beside each function that is mutated stands one
// mutated copy for each mutation, and the function begins by calling the one that was chosen. It returns the numbers of the
// mutations that are in; one that does not stand in a function has to be built alone.
func together(tree string, mutations []mutation) (numbers map[string]int, err error) {
	files := map[string][]*variant{}
	numbers = map[string]int{}
	for i := range mutations {
		m := &mutations[i]
		v, err := newVariant(tree, m, i+1)
		if err != nil {
			return nil, err
		}
		if v != nil {
			files[m.file] = append(files[m.file], v)
			numbers[m.name] = i + 1
		}
	}
	folders := map[string]string{}
	for name, variants := range files {
		at := filepath.Join(tree, filepath.FromSlash(name))
		source, err := os.ReadFile(at)
		if err != nil {
			return nil, err
		}
		folders[path.Dir(name)] = packageName(source)
		if source, err = format.Source(insert(source, variants)); err != nil {
			return nil, err
		}
		if err := os.WriteFile(at, source, 0o644); err != nil {
			return nil, err
		}
	}
	for folder, name := range folders {
		chooser := fmt.Sprintf(chooserSource, name, mutantVariable)
		if err := os.WriteFile(filepath.Join(tree, filepath.FromSlash(folder), "chosen_mutant.go"), []byte(chooser), 0o644); err != nil {
			return nil, err
		}
	}
	return numbers, nil
}

const chooserSource = `package %s

import (
	"os"
	"strconv"
)

var chosenMutant, _ = strconv.Atoi(os.Getenv(%q))
`

// variant is a mutated copy of a function.
type variant struct {
	number int
	at     int    // of the opening brace of the original's body, in its file
	call   string // what the original begins with
	copy   string // the mutated function under another name
}

// newVariant returns the copy that a mutation makes of its function; nil if it is not within one that can be called by its
// own arguments.
func newVariant(tree string, m *mutation, number int) (*variant, error) {
	source, err := os.ReadFile(filepath.Join(tree, filepath.FromSlash(m.file)))
	if err != nil {
		return nil, err
	}
	mutated, err := m.apply(source)
	if err != nil {
		return nil, nil // judge says so
	}
	from, to, err := m.within(source)
	if err != nil {
		return nil, err
	}
	found := m.pattern().FindIndex(source[from:to])
	original, start := functionAt(source, from+found[0])
	if original == nil {
		return nil, nil
	}
	changed, begins := functionNamed(mutated, receiver(original), original.Name.Name)
	arguments, ok := argumentsOf(original)
	if changed == nil || !ok {
		return nil, nil
	}
	name := fmt.Sprintf("%sMutant%d", original.Name.Name, number)
	text := string(mutated)
	copied := text[begins(changed.Pos()):begins(changed.Name.Pos())] + name + text[begins(changed.Name.End()):begins(changed.End())]
	return &variant{number, start(original.Body.Lbrace), callOf(original, name, arguments, number), copied}, nil
}

// callOf returns the statement that leads to a mutated copy.
func callOf(f *ast.FuncDecl, name, arguments string, number int) string {
	if f.Recv != nil {
		name = f.Recv.List[0].Names[0].Name + "." + name
	}
	call := name + "(" + arguments + ")"
	if f.Type.Results == nil {
		return fmt.Sprintf("if chosenMutant == %d {\n%s\nreturn\n}\n", number, call)
	}
	return fmt.Sprintf("if chosenMutant == %d {\nreturn %s\n}\n", number, call)
}

// argumentsOf returns the parameters as arguments, if all of them and the receiver have names.
func argumentsOf(f *ast.FuncDecl) (arguments string, ok bool) {
	if f.Recv != nil && (len(f.Recv.List[0].Names) == 0 || f.Recv.List[0].Names[0].Name == "_") {
		return "", false
	}
	var names []string
	for _, field := range f.Type.Params.List {
		if len(field.Names) == 0 {
			return "", false
		}
		for _, name := range field.Names {
			argument := name.Name
			if _, variadic := field.Type.(*ast.Ellipsis); variadic {
				argument += "..."
			}
			if names = append(names, argument); name.Name == "_" {
				return "", false
			}
		}
	}
	return strings.Join(names, ", "), true
}

// insert puts the variants of a file into it.
func insert(source []byte, variants []*variant) []byte {
	slices.SortFunc(variants, func(a, b *variant) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.number, b.number)) })
	var b strings.Builder
	done := 0
	for _, v := range variants {
		b.Write(source[done : v.at+1])
		b.WriteString("\n" + v.call)
		done = v.at + 1
	}
	b.Write(source[done:])
	for _, v := range variants {
		b.WriteString("\n" + v.copy + "\n")
	}
	return []byte(b.String())
}

// offsets turns positions of a file into offsets.
type offsets func(token.Pos) int

func functions(source []byte) (all []*ast.FuncDecl, name string, at offsets) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", source, parser.SkipObjectResolution)
	if err != nil {
		return nil, "", nil
	}
	for _, declaration := range file.Decls {
		if f, ok := declaration.(*ast.FuncDecl); ok {
			all = append(all, f)
		}
	}
	return all, file.Name.Name, func(p token.Pos) int { return set.Position(p).Offset }
}

func packageName(source []byte) string {
	_, name, _ := functions(source)
	return name
}

// functionAt returns the function around an offset.
func functionAt(source []byte, offset int) (*ast.FuncDecl, offsets) {
	all, _, at := functions(source)
	for _, f := range all {
		if at(f.Pos()) <= offset && offset < at(f.End()) {
			return f, at
		}
	}
	return nil, at
}

func functionNamed(source []byte, of, name string) (*ast.FuncDecl, offsets) {
	all, _, at := functions(source)
	for _, f := range all {
		if f.Name.Name == name && receiver(f) == of {
			return f, at
		}
	}
	return nil, at
}
