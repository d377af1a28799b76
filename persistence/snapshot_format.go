package persistence

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/yggr-go/yggr/engine"
)

// A snapshot file is a label, a body in blocks, and a trailer:
//
//	0        512                                                                size-32     size
//	┌────────┬────────────┬───────────────────┬───────────────────┬─ ─ ─┬─────────┐
//	│ header │ membership │ length │ sum │ …  │ length │ sum │ …  │     │ trailer │
//	│ sector │            │ u32    │ u32 │body│ u32    │ u32 │body│     │ 32 bytes│
//	└────────┴────────────┴───────────────────┴───────────────────┴─ ─ ─┴─────────┘
//
// Each block carries the CRC32C of its length and its body, so that nothing damaged is ever handed to a state machine,
// and the error names the block. The trailer carries the digest of everything before it: that is the checksum of the
// snapshot's label. So whoever has the label and all bytes can tell whether they belong together.
const (
	snapshotMagic   = "yggr-snp"
	snapshotVersion = 1 // that this build writes; it reads every one up to it

	maxMembershipSize = 1 << 20
	snapshotBlockSize = 256 << 10 // of body in one block; the last one may have less, none is empty
	fullBlock         = blockPrefixSize + snapshotBlockSize
	blockPrefixSize   = 8
)

// The fields of the header sector, behind what every stamped sector begins with:
//
//	  16   24      32     40              48           52
//	┌────┬───────┬──────┬───────────────┬────────────┬────────────┐
//	│ id │ index │ term │ configuration │ membership │ membership │ zeros to the end of the sector
//	│ u64│ u64   │ u64  │ index u64     │ length u32 │ sum u32    │
//	└────┴───────┴──────┴───────────────┴────────────┴────────────┘
const (
	fieldSnapshotID       = stampFields
	fieldSnapshotIndex    = fieldSnapshotID + 8
	fieldSnapshotTerm     = fieldSnapshotIndex + 8
	fieldSnapshotConfig   = fieldSnapshotTerm + 8
	fieldMembershipLength = fieldSnapshotConfig + 8
	fieldMembershipSum    = fieldMembershipLength + 4
)

// encodeLabel returns the header and the membership: everything of the label but size and checksum, which are those of
// the file.
func encodeLabel(meta *engine.SnapshotMeta) []byte {
	membership := meta.Membership.Encode()
	sector := make([]byte, sectorSize, sectorSize+len(membership))
	binary.LittleEndian.PutUint64(sector[fieldSnapshotID:], meta.ID)
	binary.LittleEndian.PutUint64(sector[fieldSnapshotIndex:], uint64(meta.Position.Index))
	binary.LittleEndian.PutUint64(sector[fieldSnapshotTerm:], uint64(meta.Position.Term))
	binary.LittleEndian.PutUint64(sector[fieldSnapshotConfig:], uint64(meta.ConfigurationIndex))
	binary.LittleEndian.PutUint32(sector[fieldMembershipLength:], uint32(len(membership)))
	binary.LittleEndian.PutUint32(sector[fieldMembershipSum:], checksum(membership))
	stampAs(sector, snapshotMagic, snapshotVersion)
	return append(sector, membership...)
}

// decodeSnapshotHeader reads the header sector; the membership is read by [decodeSnapshotMembership].
func decodeSnapshotHeader(sector []byte) (meta engine.SnapshotMeta, membershipLength int, err error) {
	if err := checkStampUpTo(sector, snapshotMagic, snapshotVersion); err != nil {
		return meta, 0, err
	}
	meta.ID = binary.LittleEndian.Uint64(sector[fieldSnapshotID:])
	meta.Position.Index = engine.Index(binary.LittleEndian.Uint64(sector[fieldSnapshotIndex:]))
	meta.Position.Term = engine.Term(binary.LittleEndian.Uint64(sector[fieldSnapshotTerm:]))
	meta.ConfigurationIndex = engine.Index(binary.LittleEndian.Uint64(sector[fieldSnapshotConfig:]))
	length := binary.LittleEndian.Uint32(sector[fieldMembershipLength:])
	if length > maxMembershipSize {
		return meta, 0, fmt.Errorf("%w: membership of %d bytes", ErrCorrupt, length)
	}
	return meta, int(length), nil
}

func decodeSnapshotMembership(sector, encoded []byte) (engine.Membership, error) {
	if binary.LittleEndian.Uint32(sector[fieldMembershipSum:]) != checksum(encoded) {
		return engine.Membership{}, fmt.Errorf("%w: membership checksum does not match", ErrCorrupt)
	}
	membership, err := engine.DecodeMembership(encoded)
	if err != nil {
		return engine.Membership{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return membership, nil
}

// blockSum is the checksum of a block: over its length, so that a length is never believed that was not written, and
// its body.
func blockSum(block []byte) uint32 {
	return crc32.Update(checksum(block[:4]), castagnoli, block[blockPrefixSize:])
}

// sealBlock writes the prefix of a block whose body stands behind it.
func sealBlock(block []byte) {
	binary.LittleEndian.PutUint32(block, uint32(len(block)-blockPrefixSize))
	binary.LittleEndian.PutUint32(block[4:], blockSum(block))
}

// The trailer begins like a block of length zero, which no block has:
//
//	  0        4       8            16       24        28
//	┌────────┬───────┬────────────┬────────┬─────────┬───────┐
//	│ length │ magic │ body bytes │ digest │ sum of  │ zeros │
//	│ 0, u32 │ u32   │ u64        │ u64    │ 0..24   │       │
//	└────────┴───────┴────────────┴────────┴─────────┴───────┘
const (
	trailerSize  = 32
	trailerMagic = 0x646e6573 // "send"
)

// snapshotTrailer ends a snapshot file.
type snapshotTrailer struct {
	body   uint64 // bytes of the body, prefixes of blocks not counted
	digest uint64 // of all bytes before the trailer
}

func (t snapshotTrailer) encode() []byte {
	b := make([]byte, trailerSize)
	binary.LittleEndian.PutUint32(b[4:], trailerMagic)
	binary.LittleEndian.PutUint64(b[8:], t.body)
	binary.LittleEndian.PutUint64(b[16:], t.digest)
	binary.LittleEndian.PutUint32(b[24:], checksum(b[:24]))
	return b
}

func decodeSnapshotTrailer(b []byte) (snapshotTrailer, error) {
	if binary.LittleEndian.Uint32(b) != 0 || binary.LittleEndian.Uint32(b[4:]) != trailerMagic ||
		binary.LittleEndian.Uint32(b[24:]) != checksum(b[:24]) || binary.LittleEndian.Uint32(b[28:]) != 0 {
		return snapshotTrailer{}, fmt.Errorf("%w: no intact trailer", ErrCorrupt)
	}
	return snapshotTrailer{body: binary.LittleEndian.Uint64(b[8:]), digest: binary.LittleEndian.Uint64(b[16:])}, nil
}

// digest sums up a file from its beginning. It is made of two polynomials that processors have instructions for, and so
// finds what one of them alone would miss, at a small part of what a disk takes.
type digest struct{ castagnoli, ieee uint32 }

func (d *digest) add(p []byte) {
	d.castagnoli = crc32.Update(d.castagnoli, castagnoli, p)
	d.ieee = crc32.Update(d.ieee, crc32.IEEETable, p)
}

func (d *digest) sum() uint64 { return uint64(d.ieee)<<32 | uint64(d.castagnoli) }
