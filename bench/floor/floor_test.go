package floor

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yggr-go/yggr/bench/workload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Data lands where it should, in blocks, and goes round at the end of the file.
func TestFileGoesRound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	f, err := create(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.f.Close()) }()
	require.NoError(t, f.append([]byte("first")))
	require.EqualValues(t, blockSize, f.offset)
	require.NoError(t, f.append(make([]byte, blockSize+1)))
	require.EqualValues(t, 3*blockSize, f.offset)

	f.offset = fileSize - blockSize
	require.NoError(t, f.append([]byte("last")))
	require.NoError(t, f.append([]byte("again")))
	require.EqualValues(t, blockSize, f.offset)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, content, fileSize)
	require.Equal(t, "again\x00", string(content[:6]))
	require.Equal(t, "last\x00", string(content[fileSize-blockSize:][:5]))
}

// A client is answered only when two of three files hold its command.
func TestAMajorityIsNeeded(t *testing.T) {
	started, err := Start(t.Context(), t.TempDir())
	require.NoError(t, err)
	c := started.(*cluster)
	command := workload.Command{Add: 1, ID: 1, Size: workload.MinSize}
	value, err := c.Write(t.Context(), command)
	require.NoError(t, err)
	require.EqualValues(t, 1, value)
	count, known := c.Syncs()
	require.True(t, known)
	require.GreaterOrEqual(t, count, uint64(2))

	require.NoError(t, c.Stop())
	_, err = c.Write(t.Context(), command)
	require.ErrorIs(t, err, errStopped)
}

func TestMajority(t *testing.T) {
	l := leader{held: [workload.Replicas]uint64{5, 3, 4}}
	require.True(t, l.majority(4))
	require.False(t, l.majority(5))
}

// Whoever waits when a part fails is told so.
func TestAFailureAnswersEverybody(t *testing.T) {
	started, err := Start(t.Context(), t.TempDir())
	require.NoError(t, err)
	c := started.(*cluster)
	require.NoError(t, c.files[0].f.Close())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for err == nil { // the followers may still be a majority for the first writes
		_, err = c.Write(ctx, workload.Command{Add: 1, ID: 1, Size: workload.MinSize})
	}
	require.ErrorIs(t, err, os.ErrClosed)
	require.ErrorIs(t, c.Stop(), os.ErrClosed)
}

func TestMeasureParts(t *testing.T) {
	parts, err := MeasureParts(t.TempDir())
	require.NoError(t, err)
	for _, q := range []Quantiles{parts.OneFile, parts.ThreeFiles, parts.RoundTrip} {
		require.Positive(t, q.P50)
		require.GreaterOrEqual(t, q.P99, q.P50)
	}
}
