package main

import (
	"net"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestCountGoesOn runs the program three times on one directory.
func TestCountGoesOn(t *testing.T) {
	dir, address := filepath.Join(t.TempDir(), "data"), freeAddress(t)
	for run := uint64(1); run <= 3; run++ {
		total, err := count(t.Context(), dir, address)
		require.NoError(t, err)
		require.Equal(t, run, total)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}
