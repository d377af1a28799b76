package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// codecVersion is the first byte of every command in the log. A build reads its own version and all before it.
const codecVersion = 1

var errMalformed = errors.New("kv: malformed command")

// codec is the log format of commands: version, operation, then
//
//	SET                condition, return-old flag, key length, key, value to the end
//	GET, INCR          key to the end
//	DEL, EXISTS, MGET  number of keys, then each with its length
//	DBSIZE             nothing
//	ANNOUNCE           node, address to the end
//
// Numbers and lengths are unsigned varints.
type codec struct{}

// Encode implements [statemachine.Codec].
func (codec) Encode(dst []byte, c Command) ([]byte, error) {
	dst = slices.Grow(dst, c.size()+(2+len(c.Keys))*binary.MaxVarintLen32)
	dst = append(dst, codecVersion, byte(c.Op))
	switch c.Op {
	case OpSet:
		dst = append(dst, byte(c.Condition), boolByte(c.ReturnOld))
		dst = appendText(dst, c.Key)
		return append(dst, c.Value...), nil
	case OpGet, OpIncr:
		return append(dst, c.Key...), nil
	case OpDel, OpExists, OpMGet:
		dst = binary.AppendUvarint(dst, uint64(len(c.Keys)))
		for _, key := range c.Keys {
			dst = appendText(dst, key)
		}
		return dst, nil
	case OpDBSize:
		return dst, nil
	case OpAnnounce:
		dst = binary.AppendUvarint(dst, uint64(c.Node))
		return append(dst, c.Value...), nil
	}
	return nil, fmt.Errorf("%w: operation %d", errMalformed, c.Op)
}

func boolByte(set bool) byte {
	if set {
		return 1
	}
	return 0
}

func appendText(dst []byte, text string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(text)))
	return append(dst, text...)
}

// Decode implements [statemachine.Codec]. The strings of the result share one copy of data, because data may be
// a small part of a large buffer that a stored value would otherwise keep alive.
func (codec) Decode(data []byte) (Command, error) {
	if len(data) < 2 {
		return Command{}, fmt.Errorf("%w: %d bytes", errMalformed, len(data))
	}
	if data[0] != codecVersion {
		return Command{}, fmt.Errorf("%w: version %d, and this build reads version %d", errMalformed, data[0], codecVersion)
	}
	c := Command{Op: Op(data[1])}
	fields := fieldReader{rest: string(data[2:])}
	switch c.Op {
	case OpSet:
		c.Condition, c.ReturnOld = Condition(fields.byte()), fields.byte() != 0
		c.Key, c.Value = fields.text(), fields.remainder()
	case OpGet, OpIncr:
		c.Key = fields.remainder()
	case OpDel, OpExists, OpMGet:
		c.Keys = fields.texts()
	case OpDBSize:
	case OpAnnounce:
		c.Node, c.Value = engine.NodeID(fields.uvarint()), fields.remainder()
	default:
		fields.failed = true
	}
	if fields.failed || fields.rest != "" || c.Condition > IfPresent {
		return Command{}, fmt.Errorf("%w: operation %d in %d bytes", errMalformed, c.Op, len(data))
	}
	return c, nil
}

// fieldReader takes fields from the front of rest and remembers the first failure.
type fieldReader struct {
	rest   string
	failed bool
}

func (r *fieldReader) take(n uint64) string {
	if r.failed || n > uint64(len(r.rest)) {
		r.failed = true
		return ""
	}
	field := r.rest[:n]
	r.rest = r.rest[n:]
	return field
}

func (r *fieldReader) byte() byte {
	if field := r.take(1); field != "" {
		return field[0]
	}
	return 0
}

func (r *fieldReader) uvarint() uint64 {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		b := r.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	r.failed = true
	return 0
}

func (r *fieldReader) text() string { return r.take(r.uvarint()) }

func (r *fieldReader) remainder() string { return r.take(uint64(len(r.rest))) }

// texts reads a counted list of at least one text. The count is not trusted for more memory than the texts that
// are there.
func (r *fieldReader) texts() []string {
	count := r.uvarint()
	if count == 0 || count > uint64(len(r.rest)) {
		r.failed = true
		return nil
	}
	texts := make([]string, 0, count)
	for range count {
		texts = append(texts, r.text())
	}
	return texts
}
