package main

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/statemachine"
)

func contentOf(m *machine) map[string]string {
	content := make(map[string]string)
	for i := range m.data.parts {
		maps.Copy(content, m.data.parts[i].data)
	}
	return content
}

func written(t *testing.T, s statemachine.Snapshot) []byte {
	t.Helper()
	var body bytes.Buffer
	n, err := s.WriteTo(&body)
	require.NoError(t, err)
	require.Equal(t, int64(body.Len()), n)
	return body.Bytes()
}

func restored(t *testing.T, body []byte) *machine {
	t.Helper()
	m := newMachine(&directory{})
	require.NoError(t, m.Restore(bytes.NewReader(body)))
	return m
}

// However commands, captures and releases follow each other, a captured view stays what it was.
func TestCapturedViewsDoNotChange(t *testing.T) {
	type view struct {
		snapshot statemachine.Snapshot
		want     map[string]string
	}
	random := rand.New(rand.NewPCG(1, 2))
	m, want, views := newMachine(&directory{}), map[string]string{}, []view{}
	for step := range 20_000 {
		key := fmt.Sprint(random.IntN(3000))
		switch roll := random.IntN(1000); {
		case roll < 2:
			s, err := m.Snapshot()
			require.NoError(t, err)
			views = append(views, view{s, maps.Clone(want)})
		case roll < 4 && len(views) > 0:
			at := random.IntN(len(views))
			v := views[at]
			views = append(views[:at], views[at+1:]...)
			require.Equal(t, v.want, contentOf(restored(t, written(t, v.snapshot))))
			v.snapshot.Release()
		case roll < 300:
			m.Apply(statemachine.ApplyContext{}, Command{Op: OpDel, Keys: []string{key}})
			delete(want, key)
		default:
			value := fmt.Sprint(step)
			m.Apply(statemachine.ApplyContext{}, Command{Op: OpSet, Key: key, Value: value})
			want[key] = value
		}
		require.Equal(t, len(want), m.data.len())
	}
	require.Equal(t, want, contentOf(m))
	for _, v := range views {
		require.Equal(t, v.want, contentOf(restored(t, written(t, v.snapshot))))
		v.snapshot.Release()
	}
	require.Zero(t, m.data.held.Load())
}

// A view is written by another goroutine while commands go on.
func TestViewIsWrittenWhileCommandsGoOn(t *testing.T) {
	m := newMachine(&directory{})
	for i := range 5000 {
		m.Apply(statemachine.ApplyContext{}, Command{Op: OpSet, Key: fmt.Sprint(i), Value: "before"})
	}
	s, err := m.Snapshot()
	require.NoError(t, err)
	bodies := make(chan []byte)
	go func() {
		var body bytes.Buffer
		_, _ = s.WriteTo(&body)
		s.Release()
		bodies <- body.Bytes()
	}()
	for i := range 10_000 {
		m.Apply(statemachine.ApplyContext{}, Command{Op: OpSet, Key: fmt.Sprint(i), Value: "after"})
	}
	content := contentOf(restored(t, <-bodies))
	require.Len(t, content, 5000)
	for key, value := range content {
		require.Equal(t, "before", value, key)
	}
}

func TestSnapshotCarriesAnnouncements(t *testing.T) {
	m := newMachine(&directory{})
	m.directory.record(2, announcement{Term: 4, Address: "h:1"})
	m.directory.record(3, announcement{Term: 5, Address: "h:2"})
	s, err := m.Snapshot()
	require.NoError(t, err)
	m.directory.record(3, announcement{Term: 6, Address: "h:3"})
	require.Equal(t, map[engine.NodeID]announcement{2: {Term: 4, Address: "h:1"}, 3: {Term: 5, Address: "h:2"}},
		restored(t, written(t, s)).directory.all())
}

// What no snapshot of this build looks like is refused, wherever it ends.
func TestBadSnapshotsAreRefused(t *testing.T) {
	m := newMachine(&directory{})
	m.directory.record(2, announcement{Term: 4, Address: "h:1"})
	m.Apply(statemachine.ApplyContext{}, Command{Op: OpSet, Key: "key", Value: "value"})
	s, err := m.Snapshot()
	require.NoError(t, err)
	body := written(t, s)
	for end := range body {
		require.ErrorIs(t, newMachine(&directory{}).Restore(bytes.NewReader(body[:end])), errBadSnapshot, "cut at %d", end)
	}
	body[0]++
	require.ErrorContains(t, newMachine(&directory{}).Restore(bytes.NewReader(body)), "version 2")
	huge := []byte{snapshotVersion, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}
	require.ErrorIs(t, newMachine(&directory{}).Restore(bytes.NewReader(huge)), errBadSnapshot)
}
