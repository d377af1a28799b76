package main

import (
	"encoding/binary"
	"fmt"
)

// The bytes of a result, for a client of another node than the leader's: version, failure, number, value, number of
// values, values. A value is whether it is present, its length and its text; numbers are varints.

// EncodeResponse implements [statemachine.ResponseCodec].
func (codec) EncodeResponse(dst []byte, r Result) ([]byte, error) {
	dst = append(dst, codecVersion, byte(r.Failure))
	dst = binary.AppendVarint(dst, r.Number)
	dst = appendValue(dst, r.Value)
	dst = binary.AppendUvarint(dst, uint64(len(r.Values)))
	for _, v := range r.Values {
		dst = appendValue(dst, v)
	}
	return dst, nil
}

func appendValue(dst []byte, v Value) []byte {
	return appendText(append(dst, boolByte(v.Present)), v.Text)
}

// DecodeResponse implements [statemachine.ResponseCodec].
func (codec) DecodeResponse(data []byte) (Result, error) {
	fields := fieldReader{rest: string(data)}
	version := fields.byte()
	r := Result{Failure: Failure(fields.byte()), Number: fields.varint(), Value: fields.value(), Values: fields.values()}
	if fields.failed || fields.rest != "" || version != codecVersion || r.Failure > Overflow {
		return Result{}, fmt.Errorf("%w: response of %d bytes", errMalformed, len(data))
	}
	return r, nil
}

// varint reads what [binary.AppendVarint] writes: the sign is the lowest bit.
func (r *fieldReader) varint() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (r *fieldReader) value() Value { return Value{Present: r.byte() != 0, Text: r.text()} }

// values reads a counted list, of which each takes two bytes at least.
func (r *fieldReader) values() []Value {
	count := r.uvarint()
	if count > uint64(len(r.rest))/2 {
		r.failed = true
	}
	if r.failed || count == 0 {
		return nil
	}
	values := make([]Value, 0, count)
	for range count {
		values = append(values, r.value())
	}
	return values
}
