package persistence_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// freeingLog is a log of 16 KiB segments, of which the n-th holds one batch, with entry n. What it does with names is
// noted.
type freeingLog struct {
	testing.TB
	disk    *persistence.MemFS
	fsys    *persistence.FaultFS
	storage persistence.Storage
	want    persistence.Recovered
	ops     []string
}

func startFreeing(t testing.TB) *freeingLog {
	t.Helper()
	l := &freeingLog{TB: t, disk: persistence.NewMemFS(), want: persistence.Recovered{HardState: at(1)}}
	l.want.Entries = commands(1, 1, 1, 10)
	l.fsys = persistence.NewFaultFS(l.disk, func(op persistence.Op, path string) {
		switch op {
		case persistence.OpWrite, persistence.OpRead, persistence.OpSize, persistence.OpClose, persistence.OpList,
			persistence.OpFree:
		default:
			l.ops = append(l.ops, fmt.Sprintf("%s %s", op, brief(path)))
		}
	})
	var err error
	l.storage, err = persistence.NewDir(l.fsys, testPath, small()).Create(testID, at(1), l.want.Entries)
	require.NoError(t, err)
	return l
}

// brief makes segment-000000000000000a.log out of a path into a.
func brief(path string) string {
	name := filepath.Base(path)
	if kind, number, ok := strings.Cut(strings.TrimSuffix(name, filepath.Ext(name)), "-"); ok {
		return kind + " " + strings.TrimLeft(number, "0")
	}
	return name
}

func (l *freeingLog) last() engine.Index {
	return l.want.Base.Index + engine.Index(len(l.want.Entries))
}

// append writes batches of one entry each.
func (l *freeingLog) append(count int) {
	l.Helper()
	for range count {
		entries := commands(l.want.HardState.Term, l.last()+1, 1, 10)
		require.NoError(l, l.storage.Write(appended(entries...)))
		l.want.Entries = append(l.want.Entries, entries...)
	}
}

// snapshot switches to a snapshot of everything up to base.
func (l *freeingLog) snapshot(base engine.Index) {
	l.Helper()
	to := persistence.SnapshotSwitch{
		ID: uint64(base), Position: position(l.want.HardState.Term, base), Base: position(l.want.HardState.Term, base), Keep: true,
	}
	b := &persistence.Batch{}
	b.SetSnapshot(0, to)
	require.NoError(l, l.storage.Write(b))
	l.want.Entries = slices.Clone(l.want.Entries[base-l.want.Base.Index:])
	l.want.Base, l.want.Commit = to.Base, base
	l.want.Snapshot = persistence.SnapshotName{ID: to.ID, Position: to.Position}
}

func (l *freeingLog) idle(ticks int) {
	l.Helper()
	for range ticks {
		require.NoError(l, l.storage.Write(&persistence.Batch{}))
	}
}

// files lists the segments and spares by their numbers.
func (l *freeingLog) files() string {
	l.Helper()
	return filesOf(l, l.disk)
}

func filesOf(t testing.TB, fsys persistence.FS) string {
	t.Helper()
	names, err := fsys.List(testPath)
	require.NoError(t, err)
	var all []string
	for _, name := range names {
		if strings.Contains(name, "-") {
			all = append(all, brief(name))
		}
	}
	return strings.Join(all, ", ")
}

func (l *freeingLog) reopen() {
	l.Helper()
	require.NoError(l, l.storage.Close())
	var err error
	l.storage, err = persistence.NewDir(l.fsys, testPath, small()).Open(testID)
	require.NoError(l, err)
	requireState(l, l.want, l.storage.Recovered(0))
}

// requireSurvives crashes the file system in many ways and finds the whole state in each.
func (l *freeingLog) requireSurvives() {
	l.Helper()
	for seed := range uint64(20) {
		requireState(l, l.want, requireOpens(l, l.disk.Crash(rand.New(rand.NewPCG(seed, 2)))))
	}
}
