package persistence

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each of these holds a name on the way to the directory.
func TestParents(t *testing.T) {
	path, err := filepath.Abs("/var/lib/kv/n1")
	require.NoError(t, err)
	root := filepath.VolumeName(path) + string(filepath.Separator)
	require.Equal(t, []string{
		filepath.Join(root, "var", "lib", "kv"), filepath.Join(root, "var", "lib"), filepath.Join(root, "var"), root,
	}, parents(path))
	require.Equal(t, []string{root}, parents(filepath.Join(root, "n1")))
	require.Empty(t, parents(root))
}

// A disk that fails is no file system without a sync.
func TestUnsyncable(t *testing.T) {
	for err, want := range map[error]bool{
		syscall.EINVAL: true, errors.ErrUnsupported: true, fs.ErrPermission: true,
		syscall.EIO: false, fs.ErrNotExist: false,
	} {
		require.Equal(t, want, unsyncable(pathError("sync", "/", err)), "%v", err)
	}
}

// What the header describes is what is written, or nothing is.
func TestBatchThatOutgrewItsBuffer(t *testing.T) {
	l := &log{buffer: alignedBuffer(blockSize), current: &segmentWriter{}}
	require.Panics(t, func() { _ = l.finish(append(l.buffer, 0), 1) })
}
