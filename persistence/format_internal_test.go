package persistence

import (
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
)

var testID = Identity{
	Cluster:     engine.ClusterID{Name: "cluster", Founders: [16]byte{0xf0, 0xf1, 15: 0xff}},
	Node:        7,
	Incarnation: 0x1122334455667788,
}

func testSegmentHeader() segmentHeader {
	return segmentHeader{identity: testID, number: 3, useID: 0xa1a2a3a4a5a6a7a8, firstBatch: 77, size: 65536}
}

func TestSegmentHeaderComesBack(t *testing.T) {
	block := make([]byte, blockSize)
	testSegmentHeader().encode(block)
	got, err := decodeSegmentHeader(block[:sectorSize])
	require.NoError(t, err)
	require.Equal(t, testSegmentHeader(), got)
	require.Equal(t, make([]byte, blockSize-sectorSize), block[sectorSize:], "all of it is in one sector")
}

// The bytes of version 1, written out. They may never change.
func TestSegmentHeaderBytes(t *testing.T) {
	block := make([]byte, blockSize)
	testSegmentHeader().encode(block)
	require.Equal(t, "796767722d6c6f67"+"01000000", hex.EncodeToString(block[:12]))
	require.Equal(t, "0700000000000000"+"8877665544332211"+"f0f100000000000000000000000000ff"+"07000000"+hex.EncodeToString([]byte("cluster")),
		hex.EncodeToString(block[16:59]))
	require.Equal(t, "0300000000000000"+"a8a7a6a5a4a3a2a1"+"4d00000000000000"+"0000010000000000", hex.EncodeToString(block[192:224]))
}

func TestBatchHeaderBytes(t *testing.T) {
	h := batchHeader{useID: 0xa1a2a3a4a5a6a7a8, number: 9, length: 0x10203, payloadSum: 0x55667788, previous: 0x99aabbcc, records: 4}
	var b [batchHeaderSize]byte
	h.checksum = h.encode(b[:])
	require.Equal(t, "79676762", hex.EncodeToString(b[:4]))
	require.Equal(t, "a8a7a6a5a4a3a2a1"+"0900000000000000"+"03020100"+"88776655"+"ccbbaa99"+"04000000"+
		"000000000000000000000000000000000000000000000000", hex.EncodeToString(b[8:]))
	got, ok := decodeBatchHeader(b[:])
	require.True(t, ok)
	require.Equal(t, h, got)
}

func TestEveryFlippedBitOfAHeaderIsNoticed(t *testing.T) {
	block := make([]byte, blockSize)
	testSegmentHeader().encode(block)
	for bit := range sectorSize * 8 {
		block[bit/8] ^= 1 << (bit % 8)
		_, err := decodeSegmentHeader(block[:sectorSize])
		require.ErrorIs(t, err, ErrCorrupt, "bit %d", bit)
		require.NotErrorIs(t, err, ErrNewerFormat, "bit %d", bit)
		block[bit/8] ^= 1 << (bit % 8)
	}
	var header [batchHeaderSize]byte
	batchHeader{useID: 1, number: 2, length: 3}.encode(header[:])
	for bit := range batchHeaderSize * 8 {
		header[bit/8] ^= 1 << (bit % 8)
		_, ok := decodeBatchHeader(header[:])
		require.False(t, ok, "bit %d", bit)
		header[bit/8] ^= 1 << (bit % 8)
	}
}

func TestSegmentHeaderRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(sector []byte)
		want  error
	}{
		"newer version": {func(s []byte) { s[stampVersion] = 2 }, ErrNewerFormat},
		"version zero":  {func(s []byte) { s[stampVersion] = 0 }, ErrNewerFormat},
		"name too long": {func(s []byte) { s[fieldNameLength] = 129 }, ErrCorrupt},
		"size too small": {func(s []byte) {
			binary.LittleEndian.PutUint64(s[fieldSize:], minSegmentSize-blockSize)
		}, ErrCorrupt},
		"size not of blocks": {func(s []byte) { s[fieldSize]++ }, ErrCorrupt},
		"size negative":      {func(s []byte) { s[fieldSize+7] = 0x80 }, ErrCorrupt},
		"number zero":        {func(s []byte) { s[fieldNumber] = 0 }, ErrCorrupt},
		"first batch zero":   {func(s []byte) { s[fieldFirstBatch] = 0 }, ErrCorrupt},
		"number beyond":      {func(s []byte) { s[fieldNumber+7] = 0x40 }, ErrCorrupt},
		"batch beyond":       {func(s []byte) { s[fieldFirstBatch+7] = 0x80 }, ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			block := make([]byte, blockSize)
			testSegmentHeader().encode(block)
			c.spoil(block)
			binary.LittleEndian.PutUint32(block[stampChecksum:], stampSum(block)) // written so, not damaged
			_, err := decodeSegmentHeader(block[:sectorSize])
			require.ErrorIs(t, err, c.want)
		})
	}
	_, err := decodeSegmentHeader(make([]byte, 100))
	require.ErrorIs(t, err, ErrCorrupt)
}

func TestAlignUp(t *testing.T) {
	for size, want := range map[int64]int64{0: 0, 1: 4096, 4095: 4096, 4096: 4096, 4097: 8192} {
		require.Equal(t, want, alignUp(size), "%d", size)
	}
}

func TestSegmentNames(t *testing.T) {
	require.Equal(t, "segment-00000000000000ff.log", segmentName(255))
	for name, want := range map[string]uint64{
		"segment-00000000000000ff.log": 255, "segment-1.log": 1, "segment-.log": 0, "segment-xyz.log": 0,
		"segment-0000000000000001.tmp": 0, "other-0000000000000001.log": 0, "segment-0000000000000001": 0,
	} {
		number, ok := segmentNumber(name)
		require.Equal(t, want != 0, ok, name)
		require.Equal(t, want, number, name)
	}
}
