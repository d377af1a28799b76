package engine

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func drawConfiguration(t *rapid.T) Configuration {
	ids := rapid.SliceOfNDistinct(rapid.Uint64Range(1, ^uint64(0)), 0, 7, rapid.ID[uint64]).Draw(t, "ids")
	var members []Member
	for _, id := range ids {
		members = append(members, Member{
			ID: NodeID(id), Incarnation: Incarnation(rapid.Uint64().Draw(t, "incarnation")),
			Role:    MemberRole(rapid.IntRange(1, 2).Draw(t, "role")),
			Address: rapid.StringN(0, 20, 60).Draw(t, "address"),
		})
	}
	membership, err := NewMembership(members...)
	require.NoError(t, err)
	return Configuration{
		Change:     ChangeKind(rapid.IntRange(1, 8).Draw(t, "change")),
		Target:     NodeID(rapid.Uint64().Draw(t, "target")),
		Membership: Membership{Members: append([]Member(nil), membership.Members...)},
	}
}

func TestConfigurationsSurviveEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfiguration(t)
		encoded := c.Encode()
		decoded, err := DecodeConfiguration(encoded)
		require.NoError(t, err)
		require.Equal(t, c, decoded)
		require.Equal(t, encoded, decoded.Encode(), "one encoding")
		cut := rapid.IntRange(0, len(encoded)-1).Draw(t, "cut")
		_, err = DecodeConfiguration(encoded[:cut])
		require.ErrorIs(t, err, ErrInvalidMembership, "a part is refused")
		_, err = DecodeConfiguration(append(slices.Clip(encoded), 0))
		require.ErrorIs(t, err, ErrInvalidMembership, "and so is more")
	})
}

// FuzzDecodeConfiguration: whatever the bytes, decoding gives a valid configuration or an error, and never panics.
func FuzzDecodeConfiguration(f *testing.F) {
	members := Membership{Members: []Member{{ID: 1, Role: Voter, Address: "n1:7000"}, {ID: 2, Incarnation: 9, Role: Learner}}}
	f.Add(Configuration{Change: ChangeFounders, Membership: members}.Encode())
	f.Add(Configuration{Change: ChangeRemove, Target: 7, Membership: members}.Encode())
	f.Add(Configuration{Change: ChangeBind}.Encode())
	f.Add([]byte{})
	f.Add([]byte{1, 1, 0, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := DecodeConfiguration(data)
		if err != nil {
			require.ErrorIs(t, err, ErrInvalidMembership)
			return
		}
		again, err := DecodeConfiguration(c.Encode())
		require.NoError(t, err)
		require.Equal(t, c, again)
	})
}

func TestInvalidMemberships(t *testing.T) {
	cases := map[string][]Member{
		"no id":         {{Role: Voter}},
		"no role":       {{ID: 1}},
		"unknown role":  {{ID: 1, Role: 3}},
		"named twice":   {{ID: 1, Role: Voter}, {ID: 1, Role: Learner}},
		"long address":  {{ID: 1, Role: Voter, Address: strings.Repeat("x", MaxAddressLength+1)}},
		"two of a kind": {{ID: 2, Role: Voter}, {ID: 1, Role: Voter}, {ID: 2, Role: Voter}},
	}
	for name, members := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := NewMembership(members...)
			require.ErrorIs(t, err, ErrInvalidMembership)
		})
	}
	require.ErrorContains(t, Membership{Members: []Member{{ID: 2, Role: Voter}, {ID: 1, Role: Voter}}}.validate(), "out of order")
}

func TestDecodingRefuses(t *testing.T) {
	good := Configuration{Change: ChangeBind, Membership: Membership{Members: []Member{{ID: 1, Role: Voter}}}}
	version := good.Encode()
	version[0] = 2
	change := good.Encode()
	change[1] = 9
	many := append([]byte{1, 1, 0}, 0x81, 0x08) // 1025 members
	for name, data := range map[string][]byte{"a newer version": version, "an unknown change": change, "too many members": many} {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeConfiguration(data)
			require.ErrorIs(t, err, ErrInvalidMembership)
		})
	}
}

func TestMembershipsAreReadable(t *testing.T) {
	m, err := NewMembership(Member{ID: 3, Role: Learner}, Member{ID: 2, Role: Voter, Address: "h:1"}, Member{ID: 1, Role: Voter})
	require.NoError(t, err)
	require.Equal(t, "{n1 n2 | n3}", m.String())
	require.Equal(t, []NodeID{1, 2}, m.Voters())
	require.Equal(t, []NodeID{3}, m.Learners())
	require.Equal(t, "n2 voter h:1", m.Members[1].String())
	_, found := m.Lookup(9)
	require.False(t, found)
	require.Equal(t, "{}", Membership{}.String())
	require.Equal(t, "promote", ChangePromote.String())
	require.Equal(t, "change(77)", ChangeKind(77).String())
}

func TestFoundersEntry(t *testing.T) {
	bound := Membership{Members: []Member{{ID: 1, Incarnation: 5, Role: Voter}, {ID: 2, Role: Voter}}}
	unbound := Membership{Members: []Member{{ID: 1, Role: Voter}, {ID: 2, Role: Voter}}}
	one, err := FoundersEntry(bound)
	require.NoError(t, err)
	two, err := FoundersEntry(unbound)
	require.NoError(t, err)
	require.Equal(t, one, two, "the same bytes on each founder")
	require.Equal(t, Incarnation(5), bound.Members[0].Incarnation, "what was given is not changed")
	_, err = FoundersEntry(Membership{Members: []Member{{ID: 1, Role: Learner}}})
	require.ErrorIs(t, err, ErrInvalidMembership)

	id := NewClusterID("orders", one)
	require.True(t, id.Pinned())
	require.True(t, id.Same(NewClusterID("orders", two)))
	require.True(t, id.Same(ClusterID{Name: "orders"}), "who does not know the founders yet may join")
	require.False(t, id.Same(ClusterID{Name: "other"}))
	other, err := FoundersEntry(Membership{Members: unbound.Members[:1]})
	require.NoError(t, err)
	require.False(t, id.Same(NewClusterID("orders", other)), "founders that disagree refuse each other")
	require.Equal(t, "orders:?", ClusterID{Name: "orders"}.String())
	require.Len(t, id.String(), len("orders:")+8)
}
