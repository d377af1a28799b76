package persistence_test

import (
	"math/rand/v2"
	"testing"

	"github.com/yggr-go/yggr/persistence"
)

// story is a chain of lives on one disk, each with what the one before it left. Its seed decides everything.
type story struct {
	t      *testing.T
	random *rand.Rand
	uses   useIDs
	size   int64 // of segments
	groups int
	long   bool // segments of more than a mebibyte, which are zeroed ahead of need; one story in twelve
	tally  tally
}

// tell lives a seed.
func tell(t *testing.T, seed uint64) tally {
	t.Helper()
	s := &story{t: t, random: rand.New(rand.NewPCG(seed, 7))}
	s.tally.makeMaps()
	s.groups = 1 + s.random.IntN(3)
	if s.one(6) {
		s.groups = 45 // the checkpoints of all of them take more than a block
	}
	s.long = seed%12 == 0
	s.drawSize()
	l := s.begin(nil, "", persistence.NewMemFS(), []world{{}})
	for range 2 + s.random.IntN(4) {
		l.last, l.end = s.drawEnd()
		l.start()
		l.work(3 + s.random.IntN(20))
		l.close()
		if s.one(4) {
			s.drawSize()
		}
		l = l.successor()
		if s.one(6) {
			l = l.tryInVain()
		}
	}
	l.start()
	l.close()
	s.tally.stories++
	return s.tally
}

// successor is the life after this one.
func (l *life) successor() *life {
	switch {
	case l.left != nil:
		return l.begin(l, l.ended, l.left, l.legal)
	case l.one(2):
		return l.begin(l, "power loss after the end", l.disk.Crash(l.random), l.legal)
	default:
		return l.begin(l, "restart", l.disk.Kill(), l.legal)
	}
}

// tryInVain lives lives in which the same command is written, and power is lost before the sync. Each leaves sectors that the
// next one would have written, too.
func (l *life) tryInVain() *life {
	for range 8 {
		l.end = powerLoss
		l.start()
		l.inVain = true
		l.write(l.now().repeated(l.random))
		l.close()
		l = l.successor()
	}
	return l
}

// drawEnd draws how a life ends and before which of its operations: one in four while it starts, one in five at none.
func (s *story) drawEnd() (int, ending) {
	end := ending(s.random.IntN(int(endings)))
	switch s.random.IntN(20) {
	case 0, 1, 2, 3:
		return 0, end
	case 4, 5, 6, 7, 8:
		return 1 + s.random.IntN(18), end
	default:
		return 1 + s.random.IntN(150), end
	}
}

func (s *story) drawSize() {
	s.size = []int64{16 << 10, 16 << 10, 32 << 10, 64 << 10}[s.random.IntN(4)]
	if s.long {
		s.size = 1<<20 + 512<<10
	}
}

// one is true one time in n.
func (s *story) one(n int) bool { return s.random.IntN(n) == 0 }

// useIDs are drawn in an order that is always the same and never repeats itself.
type useIDs uint64

func (u *useIDs) next() uint64 {
	*u++
	return uint64(*u) * 0x9e3779b97f4a7c15
}
