package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An example shows what users can do. They cannot import what is internal, and should not ship what is for tests.
func TestOnlyThePublicLibraryIsUsed(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	const library = "github.com/yggr-go/yggr/"
	for path := range strings.Lines(string(out)) {
		folder, ours := strings.CutPrefix(strings.TrimSpace(path), library)
		if ours {
			require.Contains(t, []string{"actors", "engine", "persistence", "remote", "statemachine"}, folder)
		}
	}
}
