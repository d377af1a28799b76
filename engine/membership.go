package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// MemberRole says whether a member counts.
type MemberRole uint8

const (
	// Voter counts in every quorum and may campaign.
	Voter MemberRole = 1
	// Learner receives the log and counts nowhere (dissertation §4.2.1).
	Learner MemberRole = 2
)

// String names the role in lower case.
func (r MemberRole) String() string {
	switch r {
	case Voter:
		return "voter"
	case Learner:
		return "learner"
	}
	return fmt.Sprintf("member role(%d)", uint8(r))
}

// Member is one node of a membership, the node itself included.
type Member struct {
	ID          NodeID
	Incarnation Incarnation // zero: a founder that no leader has met yet
	Role        MemberRole
	Address     string // dialable host:port, for the transport
}

// String prints the member as n1 voter 127.0.0.1:7001.
func (m Member) String() string {
	s := fmt.Sprintf("%v %v", m.ID, m.Role)
	if m.Address != "" {
		s += " " + m.Address
	}
	return s
}

// Membership is the set of members of a cluster at one position of its log.
//
// Invariant: Members is sorted by id, ids are unique and not zero. Memberships are immutable: a change makes a
// new one.
type Membership struct {
	Members []Member
}

// NewMembership returns the membership of the given members, sorted. It refuses duplicate and zero ids and
// unknown roles.
func NewMembership(members ...Member) (Membership, error) {
	sorted := slices.Clone(members)
	slices.SortFunc(sorted, func(a, b Member) int {
		switch {
		case a.ID < b.ID:
			return -1
		case a.ID > b.ID:
			return 1
		}
		return 0
	})
	m := Membership{Members: sorted}
	return m, m.validate()
}

func (m Membership) validate() error {
	for i, member := range m.Members {
		switch {
		case member.ID == 0:
			return fmt.Errorf("%w: member without an id", ErrInvalidMembership)
		case member.Role != Voter && member.Role != Learner:
			return fmt.Errorf("%w: %v has unknown role %d", ErrInvalidMembership, member.ID, member.Role)
		case len(member.Address) > MaxAddressLength:
			return fmt.Errorf("%w: %v has an address of %d bytes, more than %d",
				ErrInvalidMembership, member.ID, len(member.Address), MaxAddressLength)
		case i > 0 && m.Members[i-1].ID == member.ID:
			return fmt.Errorf("%w: %v named twice", ErrInvalidMembership, member.ID)
		case i > 0 && m.Members[i-1].ID > member.ID:
			return fmt.Errorf("%w: %v out of order", ErrInvalidMembership, member.ID)
		}
	}
	return nil
}

// Lookup returns the member with the given id.
func (m Membership) Lookup(id NodeID) (Member, bool) {
	for _, member := range m.Members {
		if member.ID == id {
			return member, true
		}
	}
	return Member{}, false
}

// Voters returns the ids of the voters, ascending.
func (m Membership) Voters() []NodeID { return m.ids(Voter) }

// Learners returns the ids of the learners, ascending.
func (m Membership) Learners() []NodeID { return m.ids(Learner) }

func (m Membership) ids(role MemberRole) []NodeID {
	var ids []NodeID
	for _, member := range m.Members {
		if member.Role == role {
			ids = append(ids, member.ID)
		}
	}
	return ids
}

// String prints {n1 n2 n3} and, when there are any, the learners after a bar: {n1 n2 n3 | n4}.
func (m Membership) String() string {
	var b strings.Builder
	b.WriteByte('{')
	for i, id := range m.Voters() {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(id.String())
	}
	for i, id := range m.Learners() {
		if i == 0 {
			b.WriteString(" |")
		}
		b.WriteByte(' ')
		b.WriteString(id.String())
	}
	b.WriteByte('}')
	return b.String()
}

// ChangeKind says what a configuration entry did to the membership before it.
type ChangeKind uint8

// The values are stable: they are stored in logs.
const (
	ChangeFounders      ChangeKind = 1 // the first entry of a cluster
	ChangeBind          ChangeKind = 2 // incarnations of founders recorded, nothing else
	ChangeAddVoter      ChangeKind = 3
	ChangeAddLearner    ChangeKind = 4
	ChangePromote       ChangeKind = 5 // learner to voter
	ChangeDemote        ChangeKind = 6 // voter to learner
	ChangeRemove        ChangeKind = 7
	ChangeUpdateAddress ChangeKind = 8
)

var changeNames = [...]string{
	ChangeFounders: "founders", ChangeBind: "bind", ChangeAddVoter: "add voter", ChangeAddLearner: "add learner",
	ChangePromote: "promote", ChangeDemote: "demote", ChangeRemove: "remove", ChangeUpdateAddress: "update address",
}

// String names the change as traces do.
func (k ChangeKind) String() string {
	if int(k) < len(changeNames) && changeNames[k] != "" {
		return changeNames[k]
	}
	return fmt.Sprintf("change(%d)", uint8(k))
}

// Configuration is the content of a configuration entry: the change, and beside it the whole membership that
// results, so that rolling back a truncated change means no more than looking at the newest entry left.
type Configuration struct {
	Change     ChangeKind
	Target     NodeID // zero for founders and bind
	Membership Membership
}

// MaxAddressLength bounds a member's address, in bytes.
const MaxAddressLength = 1024

// MaxMembers bounds the members of one cluster, learners included.
const MaxMembers = 1024

// ErrInvalidMembership is wrapped by every error that refuses a membership or an encoded configuration.
var ErrInvalidMembership = errors.New("engine: invalid membership")

const configurationVersion = 1

// Encode returns the one encoding of c: equal configurations have equal bytes, which is what lets founders
// compare what they were founded with (see [FoundersEntry]).
//
//	version u8 | change u8 | target uvarint | count uvarint | count × member
//	member: id uvarint | incarnation u64 little-endian | role u8 | address length uvarint | address
func (c Configuration) Encode() []byte {
	b := []byte{configurationVersion, byte(c.Change)}
	b = binary.AppendUvarint(b, uint64(c.Target))
	return c.Membership.appendTo(b)
}

func (m Membership) appendTo(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(m.Members)))
	for _, m := range m.Members {
		b = binary.AppendUvarint(b, uint64(m.ID))
		b = binary.LittleEndian.AppendUint64(b, uint64(m.Incarnation))
		b = append(b, byte(m.Role))
		b = binary.AppendUvarint(b, uint64(len(m.Address)))
		b = append(b, m.Address...)
	}
	return b
}

// DecodeConfiguration reads what [Configuration.Encode] wrote. It refuses anything else, with an error that
// wraps [ErrInvalidMembership].
func DecodeConfiguration(data []byte) (Configuration, error) {
	d := decoder{rest: data}
	if v := d.byte(); v != configurationVersion {
		return Configuration{}, fmt.Errorf("%w: version %d, this build reads %d", ErrInvalidMembership, v, configurationVersion)
	}
	c := Configuration{Change: ChangeKind(d.byte()), Target: NodeID(d.uvarint()), Membership: d.membership()}
	if d.failed || len(d.rest) != 0 {
		return Configuration{}, fmt.Errorf("%w: %d bytes do not form a configuration", ErrInvalidMembership, len(data))
	}
	if c.Change < ChangeFounders || c.Change > ChangeUpdateAddress {
		return Configuration{}, fmt.Errorf("%w: unknown change %d", ErrInvalidMembership, c.Change)
	}
	return c, c.Membership.validate()
}

// FoundersEntry returns the first entry of a new cluster, at 1/1: the same bytes on every founder, with no
// incarnation bound.
func FoundersEntry(members Membership) (Entry, error) {
	unbound := Membership{Members: slices.Clone(members.Members)}
	for i := range unbound.Members {
		unbound.Members[i].Incarnation = 0
	}
	if err := unbound.validate(); err != nil {
		return Entry{}, err
	}
	if len(unbound.Voters()) == 0 {
		return Entry{}, fmt.Errorf("%w: a new cluster needs a voter", ErrInvalidMembership)
	}
	c := Configuration{Change: ChangeFounders, Membership: unbound}
	return Entry{Term: 1, Index: 1, Kind: EntryConfiguration, Data: c.Encode()}, nil
}

// decoder reads fields one after the other and remembers the first failure.
type decoder struct {
	rest   []byte
	failed bool
}

// membership reads what Membership.appendTo wrote.
func (d *decoder) membership() (m Membership) {
	count := d.uvarint()
	d.failed = d.failed || count > MaxMembers
	for ; count > 0 && !d.failed; count-- {
		m.Members = append(m.Members, Member{
			ID: NodeID(d.uvarint()), Incarnation: Incarnation(d.uint64()), Role: MemberRole(d.byte()), Address: d.string(),
		})
	}
	return m
}

func (d *decoder) take(n int) []byte {
	if d.failed || n > len(d.rest) {
		d.failed = true
		return nil
	}
	field := d.rest[:n]
	d.rest = d.rest[n:]
	return field
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uint64() uint64 {
	if b := d.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if d.failed || n <= 0 {
		d.failed = true
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) string() string {
	n := d.uvarint()
	if n > MaxAddressLength {
		d.failed = true
		return ""
	}
	return string(d.take(int(n)))
}
