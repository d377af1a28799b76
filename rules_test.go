package yggr_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/yggr-go/yggr"

// importRule says what the packages in a folder may import. It holds for the folders below too, unless they
// have a rule of their own.
type importRule struct {
	folder string
	ours   []string // packages of this module, folders below included
	others []string // of other modules, packages below included
	std    []string // nil: all of it except testing
	reason string
}

// The engine's std: what computes and never waits, asks the world or keeps a secret from a seed.
var pureStd = []string{
	"bytes", "cmp", "container", "crypto/sha256", "encoding/binary", "encoding/hex", "errors", "fmt", "hash", "iter",
	"maps", "math", "math/bits", "slices", "sort", "strconv", "strings", "unicode",
}

const (
	protoactor = "github.com/asynkron/protoactor-go"
	protobuf   = "google.golang.org/protobuf"
	hclog      = "github.com/hashicorp/go-hclog"
	testify    = "github.com/stretchr/testify"
	xsys       = "golang.org/x/sys" // the same system calls as std, where std has no wrapper
)

var importRules = []importRule{
	{
		folder: "engine", std: pureStd,
		reason: "the engine is a pure function of its events: no I/O, clock, goroutine, lock or chance of its own",
	},
	{
		folder: "engine/scenario", ours: []string{"engine"},
		reason: "scenarios run engines and nothing else, for our goldens and for users' own",
	},
	{
		folder: "statemachine",
		reason: "a state machine can be written and tested without anything else of this library",
	},
	{
		folder: "persistence", ours: []string{"engine"}, others: []string{xsys},
		reason: "actors call storage; storage knows entries and disks and nothing else",
	},
	{
		folder: "persistence/storagetest", ours: []string{"engine", "persistence"}, others: []string{testify},
		std:    []string{""},
		reason: "the conformance suite tests a user's storage without the rest of the library",
	},
	{
		folder: "remote", ours: []string{"engine"}, others: []string{protobuf},
		reason: "transports carry messages; who sends them is not their business, and only users of protoactor's remote pay for it",
	},
	{
		folder: "remote/remotetest", ours: []string{"engine", "remote"}, others: []string{testify},
		std:    []string{""},
		reason: "the conformance suite tests a user's transport without the rest of the library",
	},
	{
		folder: "actors", ours: []string{"engine", "persistence", "remote", "statemachine"},
		others: []string{protoactor + "/actor", protoactor + "/eventstream", hclog, protobuf, xsys},
		reason: "actors join everything, on protoactor's actor package alone: its remote and cluster are not needed to run a node",
	},
	{
		folder: "testkit", ours: []string{"actors", "engine", "persistence", "remote", "sim/check", "statemachine"},
		others: []string{protoactor + "/actor", hclog, testify}, std: []string{""},
		reason: "the test kit is imported by tests, ours and users', and by nothing that ships",
	},
	{
		folder: "sim", ours: []string{"engine", "persistence", "statemachine"},
		reason: "the simulator owns time and order: what it runs must have neither actors nor sockets",
	},
	{
		folder: "sim/check", ours: []string{"engine"},
		reason: "the checkers judge what any host of an engine shows them",
	},
	{
		folder: "examples", ours: []string{"actors", "engine", "persistence", "remote", "statemachine"},
		others: []string{protoactor, hclog},
		reason: "examples show what a user can do with the exported packages",
	},
	{
		folder: "examples/dynamic", ours: []string{"internal/loopback"},
		reason: "this one plays an operator with processes on one machine, and imports nothing of the library itself",
	},
	{
		folder: "internal/loopback",
		reason: "addresses for processes under test are of use without the library",
	},
	{
		folder: "tools",
		reason: "tools work on the tree from outside and build without it",
	},
}

// What any test may use beside what its package may.
var (
	testOurs   = []string{"internal/loopback", "sim/check", "testkit"}
	testOthers = []string{
		testify, "go.uber.org/goleak", "pgregory.net/rapid", "github.com/cockroachdb/datadriven", "github.com/anishathalye/porcupine",
	}
)

// TestImports holds the map of packages: who may know whom.
func TestImports(t *testing.T) {
	for _, file := range goFiles(t) {
		folder := path.Dir(file.name)
		if folder == "." || folder == "bench" || strings.HasPrefix(folder, "bench/") {
			continue // the root has no code; benchmarks import their peers
		}
		rule, ok := ruleFor(folder)
		if !ok {
			t.Errorf("%s: folder %s has no rule in rules_test.go: say there what it may import, and why", file.name, folder)
			continue
		}
		for _, spec := range file.syntax.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			if !rule.allows(imported, strings.HasSuffix(file.name, "_test.go")) {
				t.Errorf("%s imports %s, which %s may not: %s", file.name, imported, rule.folder, rule.reason)
			}
		}
	}
}

// ruleFor finds the rule of the folder or of the nearest folder above it.
func ruleFor(folder string) (importRule, bool) {
	for ; folder != "."; folder = path.Dir(folder) {
		at := slices.IndexFunc(importRules, func(r importRule) bool { return r.folder == folder })
		if at >= 0 {
			return importRules[at], true
		}
	}
	return importRule{}, false
}

func (r importRule) allows(imported string, test bool) bool {
	if ours, ok := strings.CutPrefix(imported, module+"/"); ok {
		return within(ours, r.folder) || withinAny(ours, r.ours) || test && withinAny(ours, testOurs)
	}
	if strings.Contains(strings.Split(imported, "/")[0], ".") {
		return withinAny(imported, r.others) || test && withinAny(imported, testOthers)
	}
	switch {
	case test:
		return true
	case r.std == nil:
		return !within(imported, "testing")
	default:
		return withinAny(imported, r.std)
	}
}

func withinAny(name string, parents []string) bool {
	return slices.ContainsFunc(parents, func(parent string) bool { return within(name, parent) })
}

// within reports whether the path name is parent or below it; everything is below the empty path.
func within(name, parent string) bool {
	return parent == "" || name == parent || strings.HasPrefix(name, parent+"/")
}

// ban forbids names in the code of some files.
type ban struct {
	name   string
	files  func(file string) bool
	names  []string // package.Name, or .Name for a method or a name of any package
	reason string
}

// These actor files touch the world, so that no other has to.
var worldFiles = []string{"actors/runtime*.go", "actors/clock*.go", "actors/dispatcher*.go"}

var bans = []ban{
	{
		name:  "actors take time from the runtime",
		files: actorCode,
		names: []string{
			"time.Now", "time.Since", "time.Until", "time.After", "time.AfterFunc", "time.Tick", "time.NewTicker", "time.NewTimer",
			"time.Sleep", "context.WithTimeout", "context.WithDeadline",
		},
		reason: "an actor that reads the clock or starts a timer cannot be simulated; ask the Runtime",
	},
	{
		name:  "actors leave these parts of the framework alone",
		files: actorCode,
		names: []string{
			".RequestFuture", ".ReenterAfter", ".AwaitFuture", ".SetReceiveTimeout", ".Stash", "actor.NewFuture", "actor.Bounded",
			"actor.BoundedDropping", "actor.NewAllForOneStrategy", "actor.NewRestartingStrategy",
		},
		reason: "each of them blocks, races or loses messages under load; see docs/design.md",
	},
	{
		name:   "tests do not sleep",
		files:  testCode,
		names:  []string{"time.Sleep"},
		reason: "a test that sleeps is slow on a fast machine and wrong on a slow one; wait for what you wait for",
	},
}

func actorCode(file string) bool {
	return path.Dir(file) == "actors" && !strings.HasSuffix(file, "_test.go") && !matchesAny(file, worldFiles)
}

// testCode leaves out examples: they show what a user's program does, and that may back off.
func testCode(file string) bool {
	return strings.HasSuffix(file, "_test.go") && path.Base(file) != "example_test.go" || within(file, "testkit")
}

func matchesAny(file string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		matched, err := path.Match(pattern, file)
		return err == nil && matched
	})
}

// TestBans holds what a linter cannot say because it depends on the file.
func TestBans(t *testing.T) {
	files := goFiles(t)
	for _, b := range bans {
		t.Run(b.name, func(t *testing.T) {
			for _, file := range files {
				if b.files(file.name) {
					b.check(t, file)
				}
			}
		})
	}
}

func (b ban) check(t *testing.T, file goFile) {
	t.Helper()
	ast.Inspect(file.syntax, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if used, banned := b.bans(selector); banned {
			t.Errorf("%s uses %s: %s", file.position(node), used, b.reason)
		}
		return true
	})
}

func (b ban) bans(selector *ast.SelectorExpr) (used string, banned bool) {
	if slices.Contains(b.names, "."+selector.Sel.Name) {
		return selector.Sel.Name, true
	}
	of, ok := selector.X.(*ast.Ident)
	if !ok {
		return "", false
	}
	used = of.Name + "." + selector.Sel.Name
	return used, slices.Contains(b.names, used)
}

// TestActorsStartNoGoroutine: whoever runs an actor decides where and when, the simulator included. Goroutines
// belong to the dispatcher, to the clock and to the sockets of package remote.
func TestActorsStartNoGoroutine(t *testing.T) {
	for _, file := range goFiles(t) {
		if !actorCode(file.name) {
			continue
		}
		ast.Inspect(file.syntax, func(node ast.Node) bool {
			if _, ok := node.(*ast.GoStmt); ok {
				t.Errorf("%s starts a goroutine: an actor is run by its dispatcher and by nothing else", file.position(node))
			}
			return true
		})
	}
}

// goFile is one parsed file of the tree; its name is relative to the root, with slashes.
type goFile struct {
	name   string
	syntax *ast.File
	set    *token.FileSet
}

func (f goFile) position(node ast.Node) string {
	return fmt.Sprintf("%s:%d", f.name, f.set.Position(node.Pos()).Line)
}

// goFiles parses every Go file of the repository, those for other platforms included.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	set := token.NewFileSet()
	var files []goFile
	for _, name := range treeFiles(t, ".go") {
		syntax, err := parser.ParseFile(set, filepath.FromSlash(name), nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		files = append(files, goFile{name: name, syntax: syntax, set: set})
	}
	require.NotEmpty(t, files)
	return files
}

// treeFiles lists the repository's files with the given extension, relative to the root and with slashes.
func treeFiles(t *testing.T, extension string) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) == extension {
			names = append(names, name)
		}
		return nil
	})
	require.NoError(t, err)
	return names
}
