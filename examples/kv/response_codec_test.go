package main

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func anyResult() *rapid.Generator[Result] {
	return rapid.Custom(func(t *rapid.T) Result {
		value := rapid.Custom(func(t *rapid.T) Value {
			return Value{Present: rapid.Bool().Draw(t, "present"), Text: string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "text"))}
		})
		r := Result{
			Failure: Failure(rapid.IntRange(0, int(Overflow)).Draw(t, "failure")),
			Number:  rapid.Int64().Draw(t, "number"), Value: value.Draw(t, "value"),
		}
		if rapid.Bool().Draw(t, "many") {
			r.Values = rapid.SliceOfN(value, 1, 20).Draw(t, "values")
		}
		return r
	})
}

func TestEncodedResultsDecodeToThemselves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyResult().Draw(t, "result")
		data, err := codec{}.EncodeResponse(nil, want)
		require.NoError(t, err)
		got, err := codec{}.DecodeResponse(data)
		require.NoError(t, err)
		require.Equal(t, want, got)
		_, err = codec{}.DecodeResponse(append(data, 0))
		require.ErrorIs(t, err, errMalformed)
		_, err = codec{}.DecodeResponse(data[:rapid.IntRange(0, len(data)-1).Draw(t, "cut")])
		require.ErrorIs(t, err, errMalformed)
	})
}

func TestHostileResultsAreRefused(t *testing.T) {
	for name, data := range map[string]string{
		"another version":  "\x02\x00\x00\x00\x00\x00",
		"unknown failure":  "\x01\x03\x00\x00\x00\x00",
		"endless values":   "\x01\x00\x00\x00\x00\xff\xff\xff\xff\x0f",
		"length beyond":    "\x01\x00\x00\x01\xff\x0fabc\x00",
		"number too large": "\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00",
	} {
		_, err := codec{}.DecodeResponse([]byte(data))
		require.ErrorIs(t, err, errMalformed, name)
	}
}
