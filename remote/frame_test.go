package remote

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yggr-go/yggr/engine"
)

func frameOf(body []byte) []byte {
	frame := append(make([]byte, frameHeaderSize), body...)
	sealFrame(frame)
	return frame
}

// The bytes that the package comment explains.
func TestTheDocumentedFrame(t *testing.T) {
	const documented = "1b000000 f380e46e 0a19 0803 1007 1802 2009 2809 320d 0803 100a 1802 220568656c6c6f"
	frame, err := hex.DecodeString(strings.ReplaceAll(documented, " ", ""))
	require.NoError(t, err)
	require.Equal(t, frame, appendFrame(nil, &engine.AppendEntries{
		Term: 3, Number: 7, Prev: at(2, 9), Commit: 9,
		Entries: []engine.Entry{{Term: 3, Index: 10, Kind: engine.EntryCommand, Data: []byte("hello")}},
	}))
}

func TestFramesAreReadAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		messages := rapid.SliceOf(rapid.Custom(drawMessage)).Draw(t, "messages")
		var stream []byte
		for _, m := range messages {
			stream = append(appendFrame(stream, m), keepAlive...)
		}
		r := bufio.NewReaderSize(bytes.NewReader(stream), 16)
		for _, m := range messages {
			body, err := readFrame(r, 1<<20)
			require.NoError(t, err)
			require.Equal(t, appendEnvelope(nil, m), body)
			alive, err := readFrame(r, 0)
			require.NoError(t, err)
			require.Empty(t, alive)
		}
		_, err := readFrame(r, 1<<20)
		require.Equal(t, io.EOF, err)
	})
}

func TestEveryFlippedBitOfAFrameIsNoticed(t *testing.T) {
	frame := appendFrame(nil, &engine.Heartbeat{Term: 3, Number: 7, Commit: 12})
	for bit := range 8 * len(frame) {
		damaged := bytes.Clone(frame)
		damaged[bit/8] ^= 1 << (bit % 8)
		_, err := readFrame(bufio.NewReader(bytes.NewReader(damaged)), 1<<20)
		require.Error(t, err, "bit %d", bit)
	}
}

func TestEveryCutOfAFrameIsNoticed(t *testing.T) {
	frame := appendFrame(nil, &engine.Heartbeat{Term: 3, Number: 7, Commit: 12})
	for cut := 1; cut < len(frame); cut++ {
		_, err := readFrame(bufio.NewReader(bytes.NewReader(frame[:cut])), 1<<20)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "cut at %d", cut)
	}
}

func TestAForgedLengthIsRefusedBeforeAllocation(t *testing.T) {
	header := make([]byte, frameHeaderSize)
	binary.LittleEndian.PutUint32(header, 1<<31)
	_, err := readFrame(bufio.NewReader(bytes.NewReader(header)), 1<<20)
	require.ErrorIs(t, err, ErrMalformed)
	require.ErrorContains(t, err, "frame of 2147483648 bytes, more than 1048576")
}

// A length within the limit costs only what really arrives.
func TestAnAnnouncedLengthIsNotAllocatedAtOnce(t *testing.T) {
	header := make([]byte, frameHeaderSize)
	binary.LittleEndian.PutUint32(header, 1<<30)
	stream := append(header, make([]byte, trustedLength-1)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := readFrame(bufio.NewReader(bytes.NewReader(stream)), 1<<30)
	runtime.ReadMemStats(&after)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4*trustedLength))
}

func TestALargeBodyIsReadWhole(t *testing.T) {
	body := make([]byte, 3*trustedLength+5)
	for i := range body {
		body[i] = byte(i % 251)
	}
	got, err := readFrame(bufio.NewReader(bytes.NewReader(frameOf(body))), len(body))
	require.NoError(t, err)
	require.Equal(t, body, got)
	_, err = readFrame(bufio.NewReader(bytes.NewReader(frameOf(body)[:2*trustedLength])), len(body))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}
