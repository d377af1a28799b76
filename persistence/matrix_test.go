package persistence_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

var (
	crashReopenings = flag.Int("crash.reopenings", 0, "how often TestCrashMatrix reopens what a crash left; 0: what suits go test")
	crashSeed       = flag.Uint64("crash.seed", 0, "the first seed of TestCrashMatrix; alone: the only one")
)

// TestCrashMatrix lives through random stories of one directory. A workload of appends, replacements, hard states, rotations,
// freed and recycled segments and snapshot switches of several groups is cut before every operation on the file system,
// by power loss with a random part of what was not synced, or by a kill that loses nothing and makes nothing durable.
// Each time the next process has to start, and to show the durable state or the one that was being written. Its recovery is
// cut as well, and the recovery from that. What it has answered for must survive a power loss right after. And what it writes
// is cut again: the lives of a story are a chain, in which sectors of all kinds of interrupted attempts pile up.
//
//	go test ./persistence -run TestCrashMatrix -crash.reopenings=40000
//	go test ./persistence -run TestCrashMatrix -crash.seed=42
func TestCrashMatrix(t *testing.T) {
	t.Parallel()
	enough := *crashReopenings
	switch {
	case enough != 0:
	case *crashSeed != 0:
		total := tell(t, *crashSeed)
		total.log(t)
		return
	default:
		enough = 2000
	}
	var total tally
	for seed := max(1, *crashSeed); total.reopenings < enough; seed += chunk {
		total.add(tellChunk(t, seed))
	}
	total.log(t)
	total.requireEverything(t)
}

// chunk is how many stories are told at the same time.
const chunk = 4

// tellChunk tells the stories of a chunk, each on a goroutine of its own.
func tellChunk(t *testing.T, first uint64) tally {
	t.Helper()
	var tallies [chunk]tally
	passed := t.Run(fmt.Sprintf("seeds %d to %d", first, first+chunk-1), func(t *testing.T) {
		for i := range tallies {
			seed := first + uint64(i)
			t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
				t.Parallel()
				defer sayHowToRepeat(t, seed)
				tallies[i] = tell(t, seed)
			})
		}
	})
	if !passed {
		t.FailNow()
	}
	var all tally
	for _, one := range tallies {
		all.add(one)
	}
	require.Positive(t, all.stories, "no story is told any more: another test has failed, and -failfast begins nothing after that")
	return all
}

func sayHowToRepeat(t *testing.T, seed uint64) {
	t.Helper()
	if t.Failed() {
		t.Logf("to see this again: go test ./persistence -run '^TestCrashMatrix$' -crash.seed=%d", seed)
	}
}

// TestKeptCrashes lives the seeds that ever found something.
func TestKeptCrashes(t *testing.T) {
	t.Parallel()
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
			t.Log(strings.TrimSpace(why))
			tell(t, seed)
		})
	}
	require.Positive(t, kept)
}

// unpinned is the identity of a node that has not met its cluster.
func unpinned() persistence.Identity {
	id := testID
	id.Cluster = engine.ClusterID{Name: id.Cluster.Name}
	return id
}

// tally counts what was cut and what it came to.
type tally struct {
	stories, cuts, reopenings int
	freed, recycled           uint64
	kinds                     map[string]int // of operations that were cut
	during                    map[string]int // what the batch did that was being written
	verdicts                  map[string]int
}

func (c *tally) makeMaps() {
	if c.kinds == nil {
		c.kinds, c.during, c.verdicts = map[string]int{}, map[string]int{}, map[string]int{}
	}
}

func (c *tally) cut(asked string, op persistence.Op, path string, does []string) {
	c.cuts++
	c.kinds[fmt.Sprintf("%s: %s %s", asked, op, what(path))]++
	for _, did := range does {
		c.during[did]++
	}
}

// verdict counts the world that was shown, the i-th of those that were legal.
func (c *tally) verdict(i, legal int) {
	switch {
	case legal == 1:
		c.verdicts["the only legal state"]++
	case i == 0:
		c.verdicts["the durable state"]++
	default:
		c.verdicts["the one being written"]++
	}
}

func (c *tally) add(other tally) {
	c.makeMaps()
	c.stories, c.cuts, c.reopenings = c.stories+other.stories, c.cuts+other.cuts, c.reopenings+other.reopenings
	c.freed, c.recycled = c.freed+other.freed, c.recycled+other.recycled
	for into, from := range map[*map[string]int]map[string]int{
		&c.kinds: other.kinds, &c.during: other.during, &c.verdicts: other.verdicts,
	} {
		for key, count := range from {
			(*into)[key] += count
		}
	}
}

func (c *tally) log(t *testing.T) {
	t.Helper()
	t.Logf("%d stories, %d cuts, %d reopenings, %d segments freed, %d recycled", c.stories, c.cuts, c.reopenings, c.freed, c.recycled)
	for _, counts := range []map[string]int{c.verdicts, c.during, c.kinds} {
		for _, key := range slices.Sorted(maps.Keys(counts)) {
			t.Logf("%8d  %s", counts[key], key)
		}
	}
}

// must is what a log goes through, in the words of the tally: each stands for a way to be interrupted.
var must = []string{
	appends, replaces, states, switchKeeps, switchDrops,
	"create: write founding.tmp", "create: sync founding.tmp", "create: write identity.tmp", "create: sync identity.tmp",
	"create: rename identity.tmp", "create: rename founding.tmp", "create: syncdir directory",
	"write: write segment", "write: sync segment",
	"write: create spare.tmp", "write: write spare.tmp", "write: sync spare.tmp", "write: rename spare.tmp", // rotation
	"write: rename segment", "idle: rename segment", // freeing
	"write: write freed", "write: sync freed", "write: rename freed", "write: syncdir directory", // recycling
	"idle: write segment", "close: write segment", // proof of the last batch
	"open: lock lock", "open: write segment", "open: sync segment", "open: mkdir directory", "open: syncdir directory",
	"open: remove segment", "open: remove spare.tmp", // of an interrupted rotation
	"pin: write identity.tmp", "pin: sync identity.tmp", "pin: rename identity.tmp", "pin: syncdir directory",
}

// rare is what only a long run must have met.
var rare = []string{
	"create: remove founding.tmp", "create: remove identity.tmp", "open: rename founding.tmp", "open: remove identity.tmp",
	"write: remove freed", "idle: remove freed",
}

// requireEverything finds each thing that a log goes through among what was cut, often enough.
func (c *tally) requireEverything(t *testing.T) {
	t.Helper()
	for _, kind := range must {
		require.GreaterOrEqual(t, c.kinds[kind]+c.during[kind], max(1, c.reopenings/2000), kind)
	}
	for _, kind := range rare {
		require.True(t, c.kinds[kind] > 0 || c.reopenings < 20_000, kind)
	}
	for _, verdict := range []string{"no state yet", "the durable state", "the one being written", "the only legal state"} {
		require.Greater(t, c.verdicts[verdict], c.reopenings/100, verdict)
	}
	require.Positive(t, c.freed)
	require.Positive(t, c.recycled)
}
