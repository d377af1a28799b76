package engine

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pure lists what the engine may import: packages that compute and nothing else.
var pure = map[string]bool{
	"bytes": true, "cmp": true, "crypto/sha256": true, "encoding/binary": true, "encoding/hex": true, "errors": true, "fmt": true,
	"iter": true, "maps": true, "math": true, "math/bits": true, "slices": true, "sort": true, "strconv": true, "strings": true,
}

// impure says why what one could be tempted to import is refused.
var impure = map[string]string{
	"context":      "the engine never waits, so there is nothing to cancel",
	"os":           "the engine does no I/O: what must be durable leaves as a Persist action",
	"net":          "the engine does no I/O: messages leave as Send actions",
	"sync":         "the engine is used by one goroutine at a time",
	"sync/atomic":  "the engine is used by one goroutine at a time",
	"time":         "time enters as Tick events and as their Now, so that runs can be repeated",
	"log":          "the engine speaks through its Tracer",
	"math/rand":    "randomness comes from Config.Random, so that runs can be repeated",
	"math/rand/v2": "randomness comes from Config.Random, so that runs can be repeated",
	"reflect":      "the hot path allocates and reflects nothing",
	"unsafe":       "immutability is kept by the type system here",
}

func TestTheEngineImportsOnlyWhatComputes(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, path := range importsOf(t, file) {
			reason := impure[path]
			if reason == "" {
				reason = "the engine is pure standard library; if this package only computes, add it to the list"
			}
			require.True(t, pure[path], "%s imports %q: %s", file, path, reason)
		}
	}
}

func importsOf(t *testing.T, file string) []string {
	t.Helper()
	source, err := os.ReadFile(file)
	require.NoError(t, err)
	parsed, err := parser.ParseFile(token.NewFileSet(), file, source, parser.ImportsOnly)
	require.NoError(t, err)
	var paths []string
	for _, spec := range parsed.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		require.NoError(t, err)
		paths = append(paths, path)
	}
	return paths
}
