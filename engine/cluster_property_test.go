package engine_test

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	clusterSeeds = flag.Int("cluster.seeds", 0, "seeds of the randomised cluster test; 0: what suits go test")
	clusterSeed  = flag.Uint64("cluster.seed", 0, "the first seed of the randomised cluster test; alone: the only one")
	clusterStory = flag.String("cluster.story", "", "the file that gets the whole story of -cluster.seed")
)

// TestRandomCluster lives through random histories of clusters of 1, 2, 3, 5 and 7 nodes: messages get lost,
// repeated, reordered and held back for many rounds, links break in one or both directions, disks and state machines answer late or not
// for a while, clocks drift, nodes are paused, crash with a random part of their writes and come back, some with an empty
// disk; members come and go, and leadership is handed over; hosts take snapshots when they are hinted or like to, and send
// them with interruptions. Clients write and read everywhere, in half of all clusters
// under leases. After every step the invariants of the engines and the checkers of sim/check hold; in the end a majority
// must go on without the others, and then everything is mended and the cluster must elect a leader and apply a command
// everywhere.
//
//	go test ./engine -run TestRandomCluster -cluster.seeds=5000
//	go test ./engine -run TestRandomCluster -cluster.seed=10001 -cluster.seeds=5000
//	go test ./engine -run TestRandomCluster -cluster.seed=42
func TestRandomCluster(t *testing.T) {
	first, count := max(1, *clusterSeed), *clusterSeeds
	switch {
	case count != 0:
	case *clusterSeed != 0:
		count = 1
	case testing.Short():
		count = 40
	default:
		count = 300
	}
	total := sweep(t, first, count)
	t.Logf("%d seeds: %+v", count, total)
	if count >= 40 {
		require.Greater(t, total.leaders, count, "leaders changed")
		require.Positive(t, total.crashes)
		require.Positive(t, total.wipes)
		require.Positive(t, total.partitions)
		require.Positive(t, total.held)
		require.Positive(t, total.pauses)
		require.Greater(t, total.served, 10*count)
		require.Greater(t, total.servedByLease, count)
		require.Positive(t, total.failed)
		require.Positive(t, total.captures)
		require.Positive(t, total.chunks)
		require.Positive(t, total.installed)
		require.Positive(t, total.joins)
		require.Positive(t, total.committed, "changes of the membership")
		require.Greater(t, total.applied, total.accepted)
	}
	if count >= 300 {
		require.Positive(t, total.readded, "members that lost their disk")
		require.Positive(t, total.readdedByFile, "and were brought up by a snapshot alone")
		require.Positive(t, total.joinedByFile)
		require.Positive(t, total.handedOver)
		require.Positive(t, total.busyHandedOver, "while a snapshot was being sent")
		require.Positive(t, total.sevens)
		require.Greater(t, total.away, count/3, "nodes that a cluster had to do without at last")
		require.Positive(t, total.hung)
		require.Positive(t, total.delayed, "proposals that waited for others")
	}
}

// sweep lives count seeds from first on. A seed runs on one goroutine; -parallel says how many seeds at a time.
func sweep(t *testing.T, first uint64, count int) tally {
	const chunk = 25
	tallies := make([]tally, (count+chunk-1)/chunk)
	t.Run("seeds", func(t *testing.T) {
		for i := range tallies {
			start := first + uint64(i*chunk)
			end := min(start+chunk, first+uint64(count))
			t.Run(fmt.Sprintf("%d..%d", start, end-1), func(t *testing.T) {
				t.Parallel()
				for seed := start; seed < end; seed++ {
					result, err := playChaos(seed, nil)
					tallies[i].add(result)
					if err != nil {
						t.Fatalf("seed %d: %v\n%s", seed, err, traceOf(seed))
					}
				}
			})
		}
	})
	var total tally
	for _, result := range tallies {
		total.add(result)
	}
	return total
}

// TestKeptSeeds lives the seeds that ever found something.
func TestKeptSeeds(t *testing.T) {
	file, err := os.ReadFile("testdata/seeds.txt")
	require.NoError(t, err)
	kept := 0
	for line := range strings.Lines(string(file)) {
		number, why, _ := strings.Cut(strings.TrimSpace(line), " ")
		if number == "" || strings.HasPrefix(number, "#") {
			continue
		}
		seed, err := strconv.ParseUint(number, 10, 64)
		require.NoError(t, err)
		kept++
		t.Run(number, func(t *testing.T) {
			t.Parallel()
			if _, err := playChaos(seed, nil); err != nil {
				t.Fatalf("seed %d (%s): %v\n%s", seed, strings.TrimSpace(why), err, traceOf(seed))
			}
		})
	}
	require.Positive(t, kept)
}

// traceOf lives a seed once more and returns the end of its story.
func traceOf(seed uint64) string {
	const tail = 120
	var lines []string
	_, _ = playChaos(seed, func(line string) {
		if len(lines) >= 2*tail {
			lines = append(lines[:0], lines[tail:]...)
		}
		lines = append(lines, line)
	})
	return strings.Join(lines[max(0, len(lines)-tail):], "\n")
}

// TestStoryOfASeed writes down everything that happens in one seed.
//
//	go test ./engine -run TestStoryOfASeed -cluster.seed=42 -cluster.story=/tmp/42
func TestStoryOfASeed(t *testing.T) {
	if *clusterStory == "" {
		return
	}
	file, err := os.Create(*clusterStory)
	require.NoError(t, err)
	w := bufio.NewWriter(file)
	_, verdict := playChaos(*clusterSeed, func(line string) { _, _ = w.WriteString(line + "\n") })
	_, _ = fmt.Fprintln(w, verdict)
	require.NoError(t, errors.Join(w.Flush(), file.Close()))
}

// TestRandomClusterIsReproducible: one seed is one story, to the letter.
func TestRandomClusterIsReproducible(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		require.Equal(t, storyHash(seed), storyHash(seed), "seed %d", seed)
	}
	require.NotEqual(t, storyHash(1), storyHash(2))
}

func storyHash(seed uint64) uint64 {
	hash := fnv.New64a()
	_, _ = playChaos(seed, func(line string) { _, _ = hash.Write([]byte(line + "\n")) })
	return hash.Sum64()
}
