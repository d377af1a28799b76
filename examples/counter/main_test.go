package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yggr-go/yggr/internal/loopback"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestCountGoesOn runs the program three times on one directory.
func TestCountGoesOn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	address, err := loopback.Address()
	require.NoError(t, err)
	for run := uint64(1); run <= 3; run++ {
		total, err := count(t.Context(), dir, address)
		require.NoError(t, err)
		require.Equal(t, run, total)
	}
}
