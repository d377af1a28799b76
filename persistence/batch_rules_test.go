package persistence_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

func TestCreateRefusesContradictions(t *testing.T) {
	for name, c := range map[string]struct {
		state engine.HardState
		first []engine.Entry
	}{
		"entries beyond the term":    {at(1), commands(2, 1, 1, 1)},
		"entries that begin too far": {at(1), commands(1, 2, 1, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			for _, place := range []persistence.Opener{
				persistence.NewMemory(), persistence.NewDir(persistence.NewMemFS(), testPath, small()),
			} {
				_, err := place.Create(testID, c.state, c.first)
				require.ErrorIs(t, err, persistence.ErrInvalidBatch)
				exists, err := place.Exists()
				require.NoError(t, err)
				require.False(t, exists)
			}
		})
	}
}
