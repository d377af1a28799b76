package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// outcome is what a client knows of one of its writes.
type outcome uint8

const (
	refused      outcome = iota // not done, and not repeated yet
	acknowledged                // done
	unknown                     // nobody knows; it is never repeated
)

// book is what one client knows of its writes, by their number. Only its client writes into it, and it is read when that
// one has ended.
type book struct {
	client   int
	outcomes []outcome
}

// key names a write.
func (b *book) key(number int) string { return fmt.Sprintf("client%d:%d", b.client, number) }

// begin enters a new write and returns its number.
func (b *book) begin() int {
	b.outcomes = append(b.outcomes, refused)
	return len(b.outcomes) - 1
}

// verdict counts outcomes as they were found in the end.
type verdict struct {
	acknowledged, lost int // lost: of those acknowledged
	unknown, applied   int // applied: of the unknown
	refused            int
	twice              int // of any kind
	unexpected         int // refused, and there all the same
}

// judge compares a write with what is stored under its key, "" for nothing.
func (v *verdict) judge(o outcome, stored string) {
	if stored != "" && stored != "1" {
		v.twice++
	}
	switch o {
	case acknowledged:
		v.acknowledged++
		if stored == "" {
			v.lost++
		}
	case unknown:
		v.unknown++
		if stored != "" {
			v.applied++
		}
	case refused:
		v.refused++
		if stored != "" {
			v.unexpected++
		}
	}
}

// judgeAll looks up every write of a client.
func (v *verdict) judgeAll(conn *client, b *book) error {
	for begin := 0; begin < len(b.outcomes); begin += judgedAtOnce {
		outcomes := b.outcomes[begin:min(begin+judgedAtOnce, len(b.outcomes))]
		words := []string{"MGET"}
		for i := range outcomes {
			words = append(words, b.key(begin+i))
		}
		reply, err := conn.do(words...)
		if err != nil {
			return err
		}
		values, isList := reply.([]any)
		if !isList || len(values) != len(outcomes) {
			return fmt.Errorf("MGET answers %v", reply)
		}
		for i, value := range values {
			stored, _ := value.(string) // nil: nothing is there
			v.judge(outcomes[i], stored)
		}
	}
	return nil
}

// judgedAtOnce is how many keys one MGET asks for.
const judgedAtOnce = 1000

// err says what is wrong, if anything is.
func (v *verdict) err() error {
	if v.lost+v.twice+v.unexpected == 0 {
		return nil
	}
	return fmt.Errorf("%d acknowledged writes are lost, %d writes were done twice, %d were done although they were refused",
		v.lost, v.twice, v.unexpected)
}

// present is how many keys there must be.
func (v *verdict) present() int { return v.acknowledged - v.lost + v.applied + v.unexpected }

// tally counts by name. It may be used by many goroutines.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (t *tally) add(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = make(map[string]int)
	}
	t.counts[name]++
}

// String lists the names in order, with their counts.
func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.counts) == 0 {
		return "none"
	}
	parts := make([]string, 0, len(t.counts))
	for _, name := range slices.Sorted(maps.Keys(t.counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, t.counts[name]))
	}
	return strings.Join(parts, ", ")
}

// load is what all clients share.
type load struct {
	ctx     context.Context // ends with the load
	nodes   *addressBook
	written atomic.Int64          // writes acknowledged
	reads   atomic.Int64          // reads answered
	met     tally                 // what else the clients were told, by kind
	broken  atomic.Pointer[error] // the first answer that cannot be
	writers []*writer
	stop    func() // ends all clients and waits for them
}

// startLoad starts clients that write until they are stopped, or ctx ends.
func startLoad(ctx context.Context, clients int, nodes *addressBook) *load {
	ctx, cancel := context.WithCancel(ctx)
	l := &load{ctx: ctx, nodes: nodes}
	var running sync.WaitGroup
	for i := range clients {
		w := &writer{load: l, book: book{client: i + 1}}
		l.writers = append(l.writers, w)
		running.Go(func() { w.run(ctx) })
	}
	l.stop = func() {
		cancel()
		running.Wait()
	}
	return l
}

// accuse remembers the first thing that must not happen.
func (l *load) accuse(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	l.broken.CompareAndSwap(nil, &err)
}

func (l *load) err() error {
	if err := l.broken.Load(); err != nil {
		return *err
	}
	return nil
}
