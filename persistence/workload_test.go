package persistence_test

import (
	"math/rand/v2"

	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/persistence/storagetest"
)

// workload is what a node may do to its log: random legal batches of entries, replacements, hard states, commit indexes
// and switches, with idle ticks and reopenings between them, so that segments are rotated, freed and recycled. The same
// seed does the same.
type workload struct {
	place   *persistence.Dir
	seed    uint64
	batches int

	storage persistence.Storage
	states  []persistence.Recovered // states[k] is what k batches add up to
	acked   int                     // states[acked] is durable
	created bool                    // Create has returned
	closed  bool                    // for good, without an error

	freed, recycled, switches uint64
}

// run returns the first error.
func (w *workload) run() error {
	random := rand.New(rand.NewPCG(w.seed, 1))
	model := storagetest.Model{State: persistence.Recovered{HardState: at(1), Entries: commands(1, 1, 1, 20)}}
	w.states = append(w.states, model.Clone().State)
	s, err := w.place.Create(testID, at(1), model.State.Entries)
	if err != nil {
		return err
	}
	w.storage, w.created = s, true
	for range w.batches {
		if err := w.write(random, &model); err != nil {
			return err
		}
		if err := w.pause(random); err != nil {
			return err
		}
	}
	err = w.close()
	w.closed = err == nil
	return err
}

func (w *workload) write(random *rand.Rand, model *storagetest.Model) error {
	var batch persistence.Batch
	before := model.State.Snapshot
	for range 1 + random.IntN(3) {
		model.Step(random, &batch)
	}
	if model.State.Snapshot != before {
		w.switches++
	}
	w.states = append(w.states, model.Clone().State) // from now on a crash may show it
	if err := w.storage.Write(&batch); err != nil {
		return err
	}
	w.acked = len(w.states) - 1
	return nil
}

func (w *workload) pause(random *rand.Rand) error {
	switch random.IntN(6) {
	case 0, 1:
		return w.storage.Write(&persistence.Batch{})
	case 2:
		if err := w.close(); err != nil {
			return err
		}
		s, err := w.place.Open(testID)
		if err == nil {
			w.storage = s
		}
		return err
	}
	return nil
}

func (w *workload) close() error {
	m := w.storage.Metrics()
	w.freed, w.recycled = w.freed+m.Freed, w.recycled+m.Recycled
	return w.storage.Close()
}

// shows reports whether a state is one that a crash may leave: what is durable, or the batch that was being written.
func (w *workload) shows(got persistence.Recovered) bool {
	for i := w.acked; i < len(w.states) && i <= w.acked+1; i++ {
		if sameState(w.states[i], got) {
			return true
		}
	}
	return false
}
