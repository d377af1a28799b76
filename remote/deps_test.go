package remote

import (
	"go/build"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A transport carries what engines say and knows nothing of actors, logs or machines; its users pay for protobuf
// and for nothing else.
func TestImports(t *testing.T) {
	const module = "github.com/yggr-go/yggr/"
	allowed := map[string][]string{
		".":        {module + "engine", module + "remote/raftpb"},
		"./raftpb": {},
	}
	for folder, own := range allowed {
		pkg, err := build.ImportDir(folder, 0)
		require.NoError(t, err)
		for _, path := range pkg.Imports {
			standard := !strings.Contains(strings.Split(path, "/")[0], ".")
			fine := standard || strings.HasPrefix(path, "google.golang.org/protobuf/") || slices.Contains(own, path)
			require.True(t, fine, "%s imports %s: only std, protobuf and the engine may be imported here", folder, path)
		}
	}
}
