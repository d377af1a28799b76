package sim

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sweepSeeds is how many seeds the test of each size of a cluster runs.
func sweepSeeds() int {
	if raceEnabled || testing.Short() {
		return 10
	}
	return 200
}

// TestSimulations runs the same seeds on three, five and seven founders. Every kind of fault takes effect, and what clients
// and operators ask for is done.
//
//	go run ./sim/raftsim -nodes 5 -seeds 20000
func TestSimulations(t *testing.T) {
	var sums [3]Counters
	t.Run("sizes", func(t *testing.T) {
		for i := range sums {
			nodes := 3 + 2*i
			t.Run(fmt.Sprint(nodes), func(t *testing.T) {
				t.Parallel()
				sums[i] = simulate(t, nodes)
			})
		}
	})
	if raceEnabled || testing.Short() {
		return
	}
	sum := sums[0]
	sum.Add(&sums[1])
	sum.Add(&sums[2])
	for kind, count := range sum.Faults {
		require.Positive(t, count, Fault(kind))
	}
	for kind, count := range sum.Calls {
		require.Positive(t, count, Call(kind))
	}
	for kind, count := range sum.Snapshots {
		require.Positive(t, count, SnapshotFact(kind))
	}
	require.Positive(t, sum.Segments.Recycled)
	require.Greater(t, sum.Combined, 600/20, "runs with commits through a change, an installed snapshot and a new leader")
	require.Greater(t, sum.Default, 600/3)
	require.Less(t, sum.Default, 600*3/4)
}

func simulate(t *testing.T, nodes int) (sum Counters) {
	t.Helper()
	for seed := range sweepSeeds() {
		options := Options{Seed: uint64(seed), Nodes: nodes, Steps: 2000}
		result := Run(options)
		require.NoError(t, result.Err, "go run ./sim/raftsim -seed %d -nodes %d", seed, nodes)
		require.GreaterOrEqual(t, result.Steps, options.Steps)
		sum.Add(&result.Counters)
	}
	return sum
}

// TestKeptSeeds runs every seed that ever found something.
func TestKeptSeeds(t *testing.T) {
	file, err := os.ReadFile("testdata/seeds.txt")
	require.NoError(t, err)
	kept := 0
	for line := range strings.Lines(string(file)) {
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			continue
		}
		var o Options
		_, err := fmt.Sscan(line, &o.Seed, &o.Nodes, &o.Steps)
		require.NoError(t, err, line)
		require.NoError(t, Run(o).Err, line)
		kept++
	}
	require.Positive(t, kept)
}

// TestEqualOptionsGiveEqualTraces to the letter, and listening changes nothing.
func TestEqualOptionsGiveEqualTraces(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		first, heard := traced(seed)
		second, again := traced(seed)
		require.Equal(t, first, second)
		require.Equal(t, heard.Hash, again.Hash)
		require.Equal(t, heard.Hash, Run(Options{Seed: seed, Steps: 500}).Hash, "without a listener")
	}
}

func traced(seed uint64) (string, Result) {
	var b strings.Builder
	result := Run(Options{Seed: seed, Steps: 500, Tell: func(sentence string) { b.WriteString(sentence + "\n") }})
	return b.String(), result
}

// TestALyingDiskIsFoundAndShrunk: when crashes take a disk back to what it was long ago, some seed among few shows it, and
// what is left of its schedule is short and fails in the same way.
func TestALyingDiskIsFoundAndShrunk(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		options := Options{Seed: seed, Nodes: 3, Steps: 2000, lyingDisk: true}
		failed := Run(options)
		if failed.Err == nil {
			continue
		}
		small, result := Shrink(options, failed, 300)
		require.Equal(t, reason(failed.Err), reason(result.Err))
		require.Less(t, len(result.Injected), len(failed.Injected)/4+4)
		require.Equal(t, result.Hash, Run(small).Hash, "it can be run again")
		return
	}
	t.Fatal("nobody noticed")
}

// TestWhatIsLeftOutMovesNothingElse: an injection is the same whichever others happen.
func TestWhatIsLeftOutMovesNothingElse(t *testing.T) {
	all := Run(Options{Seed: 1, Nodes: 3, Steps: 500})
	odd := []int{}
	for i := 1; i < len(all.Injected); i += 2 {
		odd = append(odd, i)
	}
	some := Run(Options{Seed: 1, Nodes: 3, Steps: 500, Only: odd})
	require.NotEqual(t, all.Hash, some.Hash)
	for i := range min(len(some.Injected), len(odd)) {
		require.Equal(t, all.Injected[odd[i]].Number, some.Injected[i].Number)
		require.Equal(t, all.Injected[odd[i]].At, some.Injected[i].At)
		require.Equal(t, all.Injected[odd[i]].Kind, some.Injected[i].Kind)
	}
}

// TestAPanicIsAResult and not the end of a sweep.
func TestAPanicIsAResult(t *testing.T) {
	result := Run(Options{Seed: 1, Steps: 100, Tell: func(string) { panic("listener") }})
	require.ErrorContains(t, result.Err, "panic: listener")
}
