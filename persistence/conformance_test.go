package persistence_test

import (
	"testing"

	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/persistence/storagetest"
)

func TestMemoryConforms(t *testing.T) {
	storagetest.Run(t, func(testing.TB) persistence.Opener { return persistence.NewMemory() })
}

func TestDiskInMemoryConforms(t *testing.T) {
	storagetest.Run(t, func(testing.TB) persistence.Opener {
		return persistence.NewDir(persistence.NewMemFS(), "/data/n7", persistence.Options{SegmentSize: 16 << 10})
	})
}

func TestDiskConforms(t *testing.T) {
	storagetest.Run(t, func(t testing.TB) persistence.Opener {
		return persistence.NewDir(persistence.OS(), t.TempDir()+"/a/b", persistence.Options{SegmentSize: 1 << 20})
	})
}
