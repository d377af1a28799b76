package remote

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"google.golang.org/protobuf/proto"

	"github.com/yggr-go/yggr/engine"
)

// A frame is a header and a body, little-endian:
//
//	 0        4        8                 8+length
//	+--------+--------+----- - - - -----+
//	| length | crc32c |      body       |
//	+--------+--------+----- - - - -----+
//
// length counts the body's bytes, crc32c (Castagnoli) covers the body. The empty frame is a keep-alive.
const frameHeaderSize = 8

// Until the handshake is done nobody is trusted with more than this: a Hello is at most about 1,300 bytes.
const maxHandshakeBytes = 4096

// What a peer merely announces is not allocated at once: beyond this much, the body's buffer grows when its
// first part has arrived.
const trustedLength = 1 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// keepAlive is the empty frame.
var keepAlive = make([]byte, frameHeaderSize)

// appendFrame appends the frame of one message.
func appendFrame(b []byte, m engine.Message) []byte {
	start := len(b)
	b = append(b, keepAlive...)
	b = appendEnvelope(b, m)
	sealFrame(b[start:])
	return b
}

// sealFrame fills in the header of a frame whose body is complete.
func sealFrame(frame []byte) {
	body := frame[frameHeaderSize:]
	binary.LittleEndian.PutUint32(frame, uint32(len(body)))
	binary.LittleEndian.PutUint32(frame[4:], crc32.Checksum(body, castagnoli))
}

// protoFrame returns the frame of a handshake message.
func protoFrame(m proto.Message) ([]byte, error) {
	frame, err := proto.MarshalOptions{}.MarshalAppend(make([]byte, frameHeaderSize, 256), m)
	if err != nil {
		return nil, err
	}
	sealFrame(frame)
	return frame, nil
}

// readFrame reads one frame and returns its body in a buffer that belongs to the caller; an empty body is a
// keep-alive. It refuses a body above limit before it allocates anything.
func readFrame(r *bufio.Reader, limit int) ([]byte, error) {
	length, checksum, err := readFrameHeader(r, limit)
	if err != nil {
		return nil, err
	}
	body, err := readBody(r, length)
	if err != nil {
		return nil, err
	}
	if crc32.Checksum(body, castagnoli) != checksum {
		return nil, malformed("frame of %d bytes fails its checksum", length)
	}
	return body, nil
}

func readFrameHeader(r *bufio.Reader, limit int) (length int, checksum uint32, err error) {
	header, err := r.Peek(frameHeaderSize)
	if err != nil {
		if errors.Is(err, io.EOF) && len(header) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return 0, 0, err
	}
	announced, checksum := binary.LittleEndian.Uint32(header), binary.LittleEndian.Uint32(header[4:])
	if uint64(announced) > uint64(limit) {
		return 0, 0, malformed("frame of %d bytes, more than %d", announced, limit)
	}
	_, err = r.Discard(frameHeaderSize)
	return int(announced), checksum, err
}

func readBody(r io.Reader, length int) ([]byte, error) {
	body := make([]byte, min(length, trustedLength))
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, unexpected(err)
	}
	if len(body) == length {
		return body, nil
	}
	whole := make([]byte, length)
	n := copy(whole, body)
	_, err := io.ReadFull(r, whole[n:])
	return whole, unexpected(err)
}

// unexpected turns the end of a stream within a frame into an error.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
