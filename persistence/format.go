package persistence

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/yggr-go/yggr/engine"
)

// Everything on disk is little-endian and stands in units of two sizes. A sector is what a disk writes whole or
// not at all; a block is what batches are aligned to, so that no write touches a sector of an earlier batch.
const (
	sectorSize = 512
	blockSize  = 4096
)

// formatVersion is the version that this build writes. It reads every version up to it.
const formatVersion = 1

// castagnoli is CRC32C, for which processors have an instruction.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(data []byte) uint32 { return crc32.Checksum(data, castagnoli) }

// A stamped sector is how identity files and segments begin. Its first sixteen bytes are the same in every format
// version, so that any build can tell "newer" from "damaged":
//
//	  0         8            12          16                                              512
//	┌─────────┬────────────┬───────────┬───────────────────────────────────────────────┐
//	│ magic   │ version    │ checksum  │ fields, then zeros                            │
//	│ 8 bytes │ u32        │ u32       │                                               │
//	└─────────┴────────────┴───────────┴───────────────────────────────────────────────┘
//
// The checksum is CRC32C over the sector with the checksum field as zero.
const (
	identityMagic = "yggr-id\n"
	segmentMagic  = "yggr-log"

	stampVersion  = 8
	stampChecksum = 12
	stampFields   = 16
)

// stamp completes a sector whose fields are written.
func stamp(sector []byte, magic string) { stampAs(sector, magic, formatVersion) }

func stampAs(sector []byte, magic string, version uint32) {
	copy(sector, magic)
	binary.LittleEndian.PutUint32(sector[stampVersion:], version)
	binary.LittleEndian.PutUint32(sector[stampChecksum:], stampSum(sector))
}

func stampSum(sector []byte) uint32 {
	sum := crc32.Update(0, castagnoli, sector[:stampChecksum])
	sum = crc32.Update(sum, castagnoli, []byte{0, 0, 0, 0})
	return crc32.Update(sum, castagnoli, sector[stampFields:sectorSize])
}

// checkStamp tells an intact sector of a readable version from a damaged one ([ErrCorrupt]) and from an intact
// one of a newer version ([ErrNewerFormat]). A version is believed only if the checksum holds.
func checkStamp(sector []byte, magic string) error {
	return checkStampUpTo(sector, magic, formatVersion)
}

func checkStampUpTo(sector []byte, magic string, newest uint32) error {
	if len(sector) < sectorSize {
		return fmt.Errorf("%w: %d bytes, shorter than its header", ErrCorrupt, len(sector))
	}
	if string(sector[:len(magic)]) != magic {
		return fmt.Errorf("%w: does not begin with %q", ErrCorrupt, magic)
	}
	if binary.LittleEndian.Uint32(sector[stampChecksum:]) != stampSum(sector) {
		return fmt.Errorf("%w: header checksum does not match", ErrCorrupt)
	}
	if v := binary.LittleEndian.Uint32(sector[stampVersion:]); v == 0 || v > newest {
		return fmt.Errorf("%w: version %d, this build reads up to %d", ErrNewerFormat, v, newest)
	}
	return nil
}

// The identity stands at the same place in the identity file and in every segment header:
//
//	  16      24            32               48            52                180
//	┌───────┬─────────────┬────────────────┬─────────────┬─────────────────┐
//	│ node  │ incarnation │ founders' hash │ name length │ cluster name    │
//	│ u64   │ u64         │ 16 bytes       │ u32         │ up to 128 bytes │
//	└───────┴─────────────┴────────────────┴─────────────┴─────────────────┘
const (
	fieldNode        = stampFields
	fieldIncarnation = fieldNode + 8
	fieldFounders    = fieldIncarnation + 8
	fieldNameLength  = fieldFounders + 16
	fieldName        = fieldNameLength + 4
	identityEnd      = fieldName + engine.MaxClusterName
)

func putIdentity(sector []byte, id Identity) {
	binary.LittleEndian.PutUint64(sector[fieldNode:], uint64(id.Node))
	binary.LittleEndian.PutUint64(sector[fieldIncarnation:], uint64(id.Incarnation))
	copy(sector[fieldFounders:], id.Cluster.Founders[:])
	binary.LittleEndian.PutUint32(sector[fieldNameLength:], uint32(len(id.Cluster.Name)))
	copy(sector[fieldName:identityEnd], id.Cluster.Name)
}

func identityAt(sector []byte) (Identity, error) {
	id := Identity{
		Node:        engine.NodeID(binary.LittleEndian.Uint64(sector[fieldNode:])),
		Incarnation: engine.Incarnation(binary.LittleEndian.Uint64(sector[fieldIncarnation:])),
	}
	copy(id.Cluster.Founders[:], sector[fieldFounders:])
	length := binary.LittleEndian.Uint32(sector[fieldNameLength:])
	if length > engine.MaxClusterName {
		return Identity{}, fmt.Errorf("%w: cluster name of %d bytes", ErrCorrupt, length)
	}
	id.Cluster.Name = string(sector[fieldName:][:length])
	return id, nil
}

// segmentHeader describes one use of one segment file. It fills the first block of the file, of which only the
// first sector carries anything:
//
//	  16         192      200      208           216    224
//	┌──────────┬────────┬────────┬─────────────┬──────┐
//	│ identity │ number │ use-id │ first batch │ size │ zeros to the end of the block
//	│          │ u64    │ u64    │ u64         │ u64  │
//	└──────────┴────────┴────────┴─────────────┴──────┘
//
// It is durable, with the file's size and name, before the first batch is written.
type segmentHeader struct {
	identity   Identity
	number     uint64 // of the segment, rising by one from 1
	useID      uint64 // random, drawn anew for each use of a file: batches of an earlier use do not match it
	firstBatch uint64 // number of the first batch
	size       int64  // of the whole file, this block included
}

const (
	fieldNumber     = 192
	fieldUseID      = fieldNumber + 8
	fieldFirstBatch = fieldUseID + 8
	fieldSize       = fieldFirstBatch + 8
)

func (h segmentHeader) encode(block []byte) {
	clear(block)
	putIdentity(block, h.identity)
	binary.LittleEndian.PutUint64(block[fieldNumber:], h.number)
	binary.LittleEndian.PutUint64(block[fieldUseID:], h.useID)
	binary.LittleEndian.PutUint64(block[fieldFirstBatch:], h.firstBatch)
	binary.LittleEndian.PutUint64(block[fieldSize:], uint64(h.size))
	stamp(block[:sectorSize], segmentMagic)
}

func decodeSegmentHeader(sector []byte) (segmentHeader, error) {
	if err := checkStamp(sector, segmentMagic); err != nil {
		return segmentHeader{}, err
	}
	id, err := identityAt(sector)
	if err != nil {
		return segmentHeader{}, err
	}
	h := segmentHeader{
		identity:   id,
		number:     binary.LittleEndian.Uint64(sector[fieldNumber:]),
		useID:      binary.LittleEndian.Uint64(sector[fieldUseID:]),
		firstBatch: binary.LittleEndian.Uint64(sector[fieldFirstBatch:]),
		size:       int64(binary.LittleEndian.Uint64(sector[fieldSize:])),
	}
	if h.size < minSegmentSize || h.size%blockSize != 0 || h.firstBatch == 0 || h.number == 0 {
		return segmentHeader{}, fmt.Errorf("%w: segment header of impossible values", ErrCorrupt)
	}
	return h, nil
}

// batchHeader opens a batch. It stands at the beginning of a block, well within one sector, and the payload
// follows at once; zeros fill the last block.
//
//	  0       4          8        16       24       28        32         36        40       64
//	┌───────┬──────────┬────────┬────────┬────────┬─────────┬──────────┬─────────┬────────┐
//	│ magic │ checksum │ use-id │ number │ length │ payload │ previous │ records │ zeros  │ payload …
//	│ u32   │ u32      │ u64    │ u64    │ u32    │ sum u32 │ sum u32  │ u32     │        │
//	└───────┴──────────┴────────┴────────┴────────┴─────────┴──────────┴─────────┴────────┘
//
// The checksum is CRC32C over bytes 8 to 64. Since it covers the payload's checksum, it stands for the whole
// batch, and it is what the next batch carries as its previous sum: batches form a chain.
type batchHeader struct {
	checksum   uint32
	useID      uint64 // of the segment
	number     uint64 // rising by one over all segments
	length     uint32 // of the payload, in bytes
	payloadSum uint32 // CRC32C of the payload
	previous   uint32 // checksum of the batch before; zero in the first of all
	records    uint32 // in the payload
}

const (
	batchMagic      = 0x62676779 // "yggb"
	batchHeaderSize = 64

	fieldBatchSum      = 4
	fieldBatchUseID    = 8
	fieldBatchNumber   = 16
	fieldBatchLength   = 24
	fieldPayloadSum    = 28
	fieldPrevious      = 32
	fieldBatchRecords  = 36
	fieldBatchReserved = 40
)

// encode writes the header and returns its checksum.
func (h batchHeader) encode(to []byte) uint32 {
	to = to[:batchHeaderSize]
	binary.LittleEndian.PutUint32(to, batchMagic)
	binary.LittleEndian.PutUint64(to[fieldBatchUseID:], h.useID)
	binary.LittleEndian.PutUint64(to[fieldBatchNumber:], h.number)
	binary.LittleEndian.PutUint32(to[fieldBatchLength:], h.length)
	binary.LittleEndian.PutUint32(to[fieldPayloadSum:], h.payloadSum)
	binary.LittleEndian.PutUint32(to[fieldPrevious:], h.previous)
	binary.LittleEndian.PutUint32(to[fieldBatchRecords:], h.records)
	clear(to[fieldBatchReserved:])
	sum := checksum(to[fieldBatchUseID:])
	binary.LittleEndian.PutUint32(to[fieldBatchSum:], sum)
	return sum
}

// decodeBatchHeader reads a header, if there is an intact one.
func decodeBatchHeader(from []byte) (batchHeader, bool) {
	if len(from) < batchHeaderSize || binary.LittleEndian.Uint32(from) != batchMagic {
		return batchHeader{}, false
	}
	from = from[:batchHeaderSize]
	h := batchHeader{
		checksum:   binary.LittleEndian.Uint32(from[fieldBatchSum:]),
		useID:      binary.LittleEndian.Uint64(from[fieldBatchUseID:]),
		number:     binary.LittleEndian.Uint64(from[fieldBatchNumber:]),
		length:     binary.LittleEndian.Uint32(from[fieldBatchLength:]),
		payloadSum: binary.LittleEndian.Uint32(from[fieldPayloadSum:]),
		previous:   binary.LittleEndian.Uint32(from[fieldPrevious:]),
		records:    binary.LittleEndian.Uint32(from[fieldBatchRecords:]),
	}
	return h, h.checksum == checksum(from[fieldBatchUseID:])
}

// extent returns the bytes that the batch takes in its segment, padding included.
func (h batchHeader) extent() int64 { return alignUp(batchHeaderSize + int64(h.length)) }

// alignUp rounds a size up to whole blocks.
func alignUp(size int64) int64 { return (size + blockSize - 1) &^ (blockSize - 1) }
