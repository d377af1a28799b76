package persistence_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The log depends on the engine's types and on nothing else: it is called by actors and by the simulator, and knows
// neither. The suite may use testify, like all tests.
func TestImports(t *testing.T) {
	for pattern, allowed := range map[string][]string{
		"*.go":             {"github.com/yggr-go/yggr/engine"},
		"storagetest/*.go": {"github.com/yggr-go/yggr/engine", "github.com/yggr-go/yggr/persistence", "github.com/stretchr/testify/require"},
	} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
			require.NoError(t, err)
			for _, spec := range file.Imports {
				path, err := strconv.Unquote(spec.Path.Value)
				require.NoError(t, err)
				standard := !strings.Contains(strings.Split(path, "/")[0], ".")
				require.True(t, standard || slices.Contains(allowed, path), "%s imports %s: persistence stands on engine and the standard library", name, path)
			}
		}
	}
}
