package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestDurableIndex(t *testing.T) {
	t.Run("rises with each confirmed write", func(t *testing.T) {
		d := durability{durable: 3}
		require.Equal(t, Seq(1), d.writeEntries(4, 5, 0))
		require.Equal(t, Seq(2), d.writeEntries(6, 9, 0))
		require.Equal(t, Index(3), d.durable)
		d.confirm(1)
		require.Equal(t, Index(5), d.durable)
		d.confirm(2)
		require.Equal(t, Index(9), d.durable)
	})
	t.Run("confirmations are cumulative", func(t *testing.T) {
		var d durability
		d.writeEntries(1, 5, 0)
		d.writeState(0)
		d.writeEntries(6, 9, 0)
		d.confirm(3)
		require.Equal(t, Index(9), d.durable)
		require.Equal(t, Seq(3), d.confirmed)
	})
	t.Run("a write under way takes back what it replaces", func(t *testing.T) {
		d := durability{durable: 9}
		d.writeEntries(5, 6, 0)
		require.Equal(t, Index(4), d.durable, "whether 5 is the old one or the new is not known")
		d.confirm(1)
		require.Equal(t, Index(6), d.durable)
	})
	t.Run("an index overwritten in flight is not durable by its first write", func(t *testing.T) {
		// Entries 1..10 are on their way when a new leader replaces 5..10 by one entry, and that by two more. The
		// first write returns. A host that matched by index would now take 5 for durable, with other content.
		var d durability
		d.writeEntries(1, 10, 0)
		d.writeEntries(5, 5, 0)
		d.writeEntries(6, 7, 0)
		d.confirm(1)
		require.Equal(t, Index(4), d.durable)
		d.confirm(2)
		require.Equal(t, Index(5), d.durable)
		d.confirm(3)
		require.Equal(t, Index(7), d.durable)
	})
	t.Run("an installed snapshot keeps what was committed and nothing behind it", func(t *testing.T) {
		d := durability{durable: 5}
		d.writeEntries(6, 9, 0)
		d.writeSnapshot(4, 20, 0)
		require.Equal(t, Index(4), d.durable)
		d.confirm(1)
		require.Equal(t, Index(4), d.durable, "what the snapshot replaces is not durable, even when it is written")
		d.writeEntries(21, 22, 0)
		d.confirm(2)
		require.Equal(t, Index(20), d.durable)
		d.confirm(3)
		require.Equal(t, Index(22), d.durable)
	})
	t.Run("hard state makes no entry durable", func(t *testing.T) {
		d := durability{durable: 2}
		d.writeEntries(3, 4, 0)
		d.writeState(0)
		require.Equal(t, Index(2), d.durable)
		d.confirm(1)
		require.Equal(t, Index(4), d.durable)
		d.confirm(2)
		require.Equal(t, Index(4), d.durable)
	})
}

// TestDurableIndexByDefinition compares the running computation with the definition: the last index after the
// newest confirmed write, cut to below the first index of every unconfirmed one.
func TestDurableIndexByDefinition(t *testing.T) {
	type write struct{ first, last Index } // first zero: hard state; an installation begins behind what is committed
	rapid.Check(t, func(t *rapid.T) {
		var d durability
		var writes []write
		end, committed, confirmed := Index(0), Index(0), 0
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "op") {
			case 0:
				d.writeState(0)
				writes = append(writes, write{last: end})
			case 1:
				confirmed = rapid.IntRange(confirmed, len(writes)).Draw(t, "confirmed")
				d.confirm(Seq(confirmed))
			case 2:
				committed = max(committed, Index(rapid.Uint64Range(0, uint64(d.durable)).Draw(t, "committed")))
				end = committed + Index(rapid.Uint64Range(1, 9).Draw(t, "beyond"))
				d.writeSnapshot(committed, end, 0)
				writes = append(writes, write{first: committed + 1, last: end})
				committed = end
			default:
				first := rapid.Uint64Range(uint64(committed)+1, uint64(end)+1).Draw(t, "first")
				end = Index(first) + Index(rapid.Uint64Range(0, 4).Draw(t, "more"))
				d.writeEntries(Index(first), end, 0)
				writes = append(writes, write{first: Index(first), last: end})
			}
			want := Index(0)
			if confirmed > 0 {
				want = writes[confirmed-1].last
			}
			for _, w := range writes[confirmed:] {
				if w.first != 0 {
					want = min(want, w.first-1)
				}
			}
			require.Equal(t, want, d.durable)
		}
	})
}

func TestStalledDisk(t *testing.T) {
	var d durability
	require.False(t, d.stalled(1000, 10), "nothing is under way")
	d.writeState(100)
	d.writeState(200)
	require.False(t, d.stalled(110, 10))
	require.True(t, d.stalled(111, 10))
	d.confirm(1)
	require.False(t, d.stalled(210, 10), "the oldest one counts")
	require.True(t, d.stalled(211, 10))
}
