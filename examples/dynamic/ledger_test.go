package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What may stand under the key of a write is decided by what its client was told.
func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		told   outcome
		stored string
		wrong  string // part of the error; empty: as it should be
	}{
		{acknowledged, "1", ""},
		{acknowledged, "", "1 acknowledged writes are lost"},
		{acknowledged, "2", "1 writes were done twice"},
		{unknown, "", ""},
		{unknown, "1", ""},
		{unknown, "2", "1 writes were done twice"},
		{refused, "", ""},
		{refused, "1", "1 were done although they were refused"},
		{refused, "2", "1 writes were done twice, 1 were done although they were refused"},
	} {
		var v verdict
		v.judge(c.told, c.stored)
		present := 0
		if c.stored != "" {
			present = 1
		}
		require.Equal(t, present, v.present(), "%+v", c)
		if c.wrong == "" {
			require.NoError(t, v.err(), "%+v", c)
		} else {
			require.ErrorContains(t, v.err(), c.wrong, "%+v", c)
		}
	}
}

// A client goes on after the documented replies, knows what became of its write, and complains of everything else.
func TestWhatClientsMakeOfReplies(t *testing.T) {
	for _, c := range []struct {
		reply   any
		told    outcome
		again   bool
		accused string
	}{
		{int64(1), acknowledged, false, ""},
		{int64(2), acknowledged, false, "the first increment answered 2"},
		{refusal("MOVED 1 127.0.0.1:7002"), refused, true, ""},
		{refusal("TRYAGAIN no leader is confirmed"), refused, true, ""},
		{refusal("UNKNOWN the command may have been applied"), unknown, false, ""},
		{refusal("ERR syntax error"), refused, false, "not documented"},
		{nil, refused, false, "answer <nil>"},
	} {
		w := &writer{load: &load{}, book: book{client: 1}}
		number := w.book.begin()
		w.enter(number, c.reply)
		require.Equal(t, c.told, w.book.outcomes[number], "%v", c.reply)
		require.Equal(t, c.again, len(w.again) == 1, "%v", c.reply)
		if c.accused == "" {
			require.NoError(t, w.err())
		} else {
			require.ErrorContains(t, w.err(), c.accused)
		}
	}
}

func TestClientsFollowTheLeaderButNotInCircles(t *testing.T) {
	w := &writer{load: &load{}, conn: &client{address: "127.0.0.1:7001"}, target: "127.0.0.1:7001"}
	w.follow(t.Context(), "MOVED 1 127.0.0.1:7002")
	require.Equal(t, "127.0.0.1:7002", w.target)
	require.NoError(t, w.err())
	w.follow(t.Context(), "MOVED 1 127.0.0.1:7001")
	require.ErrorContains(t, w.err(), "sends clients to itself")
}
