package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	chaosKills = flag.Int("chaos.kills", 5, "how often TestChaos kills the leader")
	chaosSeed  = flag.Uint64("chaos.seed", 0, "seed of TestChaos; 0 draws one")
)

const (
	chaosClients = 8
	keysEach     = 4 // keys of one client; nobody else writes them
)

// ledger is what a client knows of one of its counters.
type ledger struct {
	acknowledged int64 // increments that were answered
	unknown      int64 // increments whose answer never came, or said that nobody knows
	highest      int64 // the last answer
}

// load is what all writers share.
type load struct {
	cluster *cluster
	total   atomic.Int64          // increments acknowledged
	reads   atomic.Int64          // reads answered
	broken  atomic.Pointer[error] // the first answer that cannot be
	writers []*writer
	stop    func() // ends all writers and waits for them
}

// writer increments its own keys and never repeats an increment that may have happened.
type writer struct {
	*load
	name   string
	random *rand.Rand
	target int     // node to talk to, from the next pipeline on
	conn   *client // nil: none
	peer   int     // node that conn talks to
	books  [keysEach]ledger
}

func (w *writer) key(i int) string { return fmt.Sprintf("%s:%d", w.name, i) }

// run writes until stop is closed or an answer contradicts the books.
func (w *writer) run(stop <-chan struct{}) {
	defer w.hangUp()
	for w.broken.Load() == nil {
		select {
		case <-stop:
			return
		default:
			w.pipeline()
		}
	}
}

// pipeline sends a few increments at once. When the connection breaks, all that were not answered are unknown, as
// are those that the server calls so.
func (w *writer) pipeline() {
	if !w.connected() {
		return
	}
	keys := make([]int, 1+w.random.IntN(8))
	var text strings.Builder
	for i := range keys {
		keys[i] = w.random.IntN(keysEach)
		text.WriteString(encodeRequest("INCR", w.key(keys[i])))
	}
	if err := w.conn.send(text.String()); err != nil {
		w.forget(keys)
		return
	}
	for i, key := range keys {
		reply, err := w.conn.receive()
		if err != nil {
			w.forget(keys[i:])
			return
		}
		w.enter(key, reply)
	}
	if w.conn != nil {
		w.look(keys[0])
	}
}

// look reads a counter, which must show every increment that was acknowledged, whoever leads by now.
func (w *writer) look(key int) {
	if w.conn.send(encodeRequest("GET", w.key(key))) != nil {
		w.tryAnother()
		return
	}
	reply, err := w.conn.receive()
	if err != nil {
		w.tryAnother()
		return
	}
	if _, isRefused := reply.(refused); isRefused {
		return
	}
	text, present := reply.(string)
	if !present {
		text = "0"
	}
	book := &w.books[key]
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil || value < book.highest || value > book.acknowledged+book.unknown {
		w.accuse("%s: read %q contradicts the books: %+v", w.key(key), text, *book)
	}
	w.reads.Add(1)
}

// connected sees to a connection with the target. A node that cannot be reached has certainly got nothing.
func (w *writer) connected() bool {
	if w.conn != nil && w.peer == w.target {
		return true
	}
	w.hangUp()
	conn, err := dial(w.cluster.clientAddr[w.target])
	if err != nil {
		w.tryAnother()
		return false
	}
	w.conn, w.peer = conn, w.target
	return true
}

// enter writes an answer into the books.
func (w *writer) enter(key int, reply any) {
	book := &w.books[key]
	switch reply := reply.(type) {
	case int64:
		book.acknowledged++
		w.total.Add(1)
		if reply <= book.highest || reply > book.acknowledged+book.unknown {
			w.accuse("%s: answer %d contradicts the books: %+v", w.key(key), reply, *book)
		}
		book.highest = reply
	case refused:
		w.refused(book, string(reply))
	default:
		w.accuse("%s: answer %v", w.key(key), reply)
	}
}

func (w *writer) accuse(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	w.broken.CompareAndSwap(nil, &err)
}

func (w *writer) refused(book *ledger, text string) {
	kind, rest, _ := strings.Cut(text, " ")
	switch kind {
	case "UNKNOWN":
		book.unknown++
	case "MOVED":
		_, address, _ := strings.Cut(rest, " ")
		w.target = slices.Index(w.cluster.clientAddr[:], address)
		if w.target < 0 || w.target == w.peer {
			w.accuse("%s at %s: sent to %q", w.name, w.cluster.clientAddr[w.peer], address)
		}
	case "TRYAGAIN":
		w.target = w.random.IntN(len(w.cluster.clientAddr))
	default:
		w.accuse("%s: refused with %q", w.name, text)
	}
}

// forget counts increments whose end will never be known, and leaves the connection.
func (w *writer) forget(keys []int) {
	for _, key := range keys {
		w.books[key].unknown++
	}
	w.tryAnother()
}

func (w *writer) tryAnother() {
	w.hangUp()
	w.target = w.random.IntN(len(w.cluster.clientAddr))
}

func (w *writer) hangUp() {
	if w.conn != nil {
		w.conn.close()
		w.conn = nil
	}
}

// Clients increment counters of their own while the leader is killed again and again. In the end each counter must
// show every increment that was acknowledged, and at most those whose outcome nobody knows besides:
//
//	acknowledged ≤ value ≤ acknowledged + unknown
//
// The same holds for what they read on the way, at whatever node leads then.
func TestChaosKilledLeadersLoseNothing(t *testing.T) {
	t.Run("read index", func(t *testing.T) { killLeaders(t) })
	t.Run("lease", func(t *testing.T) { killLeaders(t, "--lease") })
}

func killLeaders(t *testing.T, more ...string) {
	t.Helper()
	seed := *chaosSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("replay the choices with -chaos.seed=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	cl := startCluster(t, more...)
	l := startLoad(t, cl, seed)
	for n := range *chaosKills {
		l.killLeader(t, random, n+1)
	}
	l.await(t, 100)
	l.check(t)
	requireSameApplied(t, cl)
}

// startLoad starts writers, which end with the test at the latest.
func startLoad(t *testing.T, cl *cluster, seed uint64) *load {
	t.Helper()
	l := &load{cluster: cl}
	ended := make(chan struct{})
	var running sync.WaitGroup
	for i := range chaosClients {
		w := &writer{load: l, name: fmt.Sprint("client", i), random: rand.New(rand.NewPCG(seed, uint64(i)+1))}
		l.writers = append(l.writers, w)
		running.Go(func() { w.run(ended) })
	}
	l.stop = sync.OnceFunc(func() {
		close(ended)
		running.Wait()
	})
	t.Cleanup(l.stop)
	return l
}

// await waits until the writers have got n more answers, and fails at once when one of them was impossible.
func (l *load) await(t *testing.T, n int64) {
	t.Helper()
	goal := l.total.Load() + n
	eventually(t, "the clients get answers", func() bool {
		l.requireSound(t)
		return l.total.Load() >= goal
	})
}

func (l *load) requireSound(t *testing.T) {
	t.Helper()
	if err := l.broken.Load(); err != nil {
		t.Fatal(*err)
	}
}

// killLeader kills the leader at a random moment of a running load, and brings it back, at once or after others have
// gone on without it. That a new term begins shows that it was the leader who died.
func (l *load) killLeader(t *testing.T, random *rand.Rand, n int) {
	t.Helper()
	cl := l.cluster
	l.await(t, 20+random.Int64N(400))
	leader, term := cl.leader(t)
	<-time.After(time.Duration(random.Int64N(int64(20 * time.Millisecond)))) // any moment, not one after a poll
	info := cl.info(leader)
	require.Equal(t, "leader", info["role"], "only a kill takes the lead away")
	require.Equal(t, term, info["term"])
	cl.kill(leader)
	before := l.total.Load()
	if random.IntN(2) == 0 {
		cl.restart(t, leader)
	} else {
		next, _ := cl.leader(t)
		require.NotEqual(t, leader, next)
		l.await(t, 1+random.Int64N(400))
		cl.restart(t, leader)
	}
	next, nextTerm := cl.leader(t)
	require.Greater(t, number(t, nextTerm), number(t, term), "a killed leader is replaced in a new term")
	t.Logf("kill %d: node %d, leader of term %s, after %d acknowledged; then node %d leads term %s",
		n, leader+1, term, before, next+1, nextTerm)
}

func number(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err)
	return n
}

// check stops the writers and compares their books with what the leader says.
func (l *load) check(t *testing.T) {
	t.Helper()
	l.stop()
	l.requireSound(t)
	c := l.cluster.leaderClient(t)
	var sum ledger
	var applied int64
	for _, w := range l.writers {
		for i, book := range w.books {
			value := int64(0)
			if text, ok := c.must(t, "GET", w.key(i)).(string); ok {
				value = number(t, text)
			}
			require.GreaterOrEqual(t, value, book.acknowledged, "%s lost an acknowledged increment", w.key(i))
			require.LessOrEqual(t, value, book.acknowledged+book.unknown, "%s was incremented by nobody", w.key(i))
			sum.acknowledged += book.acknowledged
			sum.unknown += book.unknown
			applied += value
		}
	}
	require.Positive(t, l.reads.Load())
	t.Logf("%d acknowledged ≤ %d applied ≤ %d, of which %d unknown; %d reads on the way",
		sum.acknowledged, applied, sum.acknowledged+sum.unknown, sum.unknown, l.reads.Load())
}

// requireSameApplied waits until every node has applied the same entries.
func requireSameApplied(t *testing.T, cl *cluster) {
	t.Helper()
	eventually(t, "all nodes catch up", func() bool {
		first := cl.info(0)["applied"]
		return first != "" && first == cl.info(1)["applied"] && first == cl.info(2)["applied"]
	})
}
