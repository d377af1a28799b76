package testkit

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/yggr-go/yggr/statemachine"
)

// definition is the user's, with a machine that remembers what it applied. One that takes snapshots still does.
func (n *node[C, R]) definition() statemachine.Definition[C, R] {
	def := n.cluster.def
	return statemachine.Definition[C, R]{Codec: def.Codec, New: func() statemachine.Machine[C, R] {
		n.machine, n.applied = def.New(), nil
		remembers := remembering[C, R]{Machine: n.machine, node: n}
		if inner, ok := n.machine.(statemachine.Snapshotter); ok {
			return &rememberingSnapshotter[C, R]{remembering: remembers, inner: inner}
		}
		return &remembers
	}}
}

type remembering[C, R any] struct {
	statemachine.Machine[C, R]
	node *node[C, R]
}

// Apply implements [statemachine.Machine].
func (m *remembering[C, R]) Apply(ctx statemachine.ApplyContext, command C) R {
	m.node.applied = append(m.node.applied, Applied[C]{ctx, command})
	return m.Machine.Apply(ctx, command)
}

// rememberingSnapshotter has its snapshots begin with a number, under which the cluster keeps what was applied.
type rememberingSnapshotter[C, R any] struct {
	remembering[C, R]
	inner statemachine.Snapshotter
}

var _ statemachine.Snapshotter = (*rememberingSnapshotter[int, int])(nil)

// Snapshot implements [statemachine.Snapshotter].
func (m *rememberingSnapshotter[C, R]) Snapshot() (statemachine.Snapshot, error) {
	state, err := m.inner.Snapshot()
	if err != nil || state == nil {
		return nil, err
	}
	cluster := m.node.cluster
	cluster.captured = append(cluster.captured, slices.Clone(m.node.applied))
	return rememberedState{Snapshot: state, number: uint64(len(cluster.captured) - 1)}, nil
}

type rememberedState struct {
	statemachine.Snapshot
	number uint64
}

// WriteTo implements [io.WriterTo].
func (s rememberedState) WriteTo(w io.Writer) (int64, error) {
	if err := binary.Write(w, binary.LittleEndian, s.number); err != nil {
		return 0, err
	}
	size, err := s.Snapshot.WriteTo(w)
	return 8 + size, err
}

// Restore implements [statemachine.Snapshotter].
func (m *rememberingSnapshotter[C, R]) Restore(body io.Reader) error {
	var number uint64
	if err := binary.Read(body, binary.LittleEndian, &number); err != nil {
		return err
	}
	captured := m.node.cluster.captured
	if number >= uint64(len(captured)) {
		return fmt.Errorf("testkit: a snapshot numbered %d, of %d", number, len(captured))
	}
	m.node.applied = slices.Clone(captured[number])
	return m.inner.Restore(body)
}
