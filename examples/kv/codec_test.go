package main

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yggr-go/yggr/engine"
)

func anyCommand() *rapid.Generator[Command] {
	text := rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 300), func(b []byte) string { return string(b) })
	return rapid.Custom(func(t *rapid.T) Command {
		c := Command{Op: Op(rapid.IntRange(int(OpSet), int(OpAnnounce)).Draw(t, "op"))}
		switch c.Op {
		case OpSet:
			c.Condition = Condition(rapid.IntRange(int(Always), int(IfPresent)).Draw(t, "condition"))
			c.ReturnOld = rapid.Bool().Draw(t, "return old")
			c.Key, c.Value = text.Draw(t, "key"), text.Draw(t, "value")
		case OpGet, OpIncr:
			c.Key = text.Draw(t, "key")
		case OpDel, OpExists, OpMGet:
			c.Keys = rapid.SliceOfN(text, 1, 20).Draw(t, "keys")
		case OpDBSize: // has no fields
		case OpAnnounce:
			c.Node, c.Value = engine.NodeID(rapid.Uint64().Draw(t, "node")), text.Draw(t, "address")
		}
		return c
	})
}

func TestEncodedCommandsDecodeToThemselves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyCommand().Draw(t, "command")
		data, err := codec{}.Encode([]byte("before"), want)
		require.NoError(t, err)
		require.Equal(t, "before", string(data[:6]), "Encode appends")
		data = data[6:]
		got, err := codec{}.Decode(data)
		require.NoError(t, err)
		clear(data)
		require.Equal(t, want, got, "also when the buffer is gone")
	})
}

// The bytes are in logs on disk: a change of this test is a change of the format and needs a new version.
func TestFormatIsFixed(t *testing.T) {
	for want, c := range map[string]Command{
		"\x01\x01\x02\x01\x01kvalue": {Op: OpSet, Condition: IfPresent, ReturnOld: true, Key: "k", Value: "value"},
		"\x01\x02key":                {Op: OpGet, Key: "key"},
		"\x01\x03\x02\x01a\x02bc":    {Op: OpDel, Keys: []string{"a", "bc"}},
		"\x01\x04\x01\x01a":          {Op: OpExists, Keys: []string{"a"}},
		"\x01\x05key":                {Op: OpIncr, Key: "key"},
		"\x01\x06\x01\x00":           {Op: OpMGet, Keys: []string{""}},
		"\x01\x07":                   {Op: OpDBSize},
		"\x01\x08\xac\x02h:1":        {Op: OpAnnounce, Node: 300, Value: "h:1"},
	} {
		data, err := codec{}.Encode(nil, c)
		require.NoError(t, err)
		require.Equal(t, want, string(data))
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, data := range map[string]string{
		"nothing":                "",
		"no operation":           "\x01",
		"unknown operation":      "\x01\x63",
		"a newer version":        "\x02\x07",
		"bytes too many":         "\x01\x07x",
		"a key cut off":          "\x01\x01\x00\x00\x05ab",
		"an unknown condition":   "\x01\x01\x03\x00\x01kv",
		"no keys":                "\x01\x03\x00",
		"more keys than bytes":   "\x01\x03\xff\xff\xff\xff\x0fa",
		"a number without end":   "\x01\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		"a length beyond memory": "\x01\x06\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7fa",
	} {
		_, err := codec{}.Decode([]byte(data))
		require.ErrorIs(t, err, errMalformed, name)
	}
	_, err := codec{}.Encode(nil, Command{Op: 99})
	require.ErrorIs(t, err, errMalformed)
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x01\x01\x02\x01\x01kvalue"))
	f.Add([]byte("\x01\x03\x02\x01a\x02bc"))
	f.Add([]byte("\x01\x08\xac\x02h:1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := codec{}.Decode(data)
		if err != nil {
			return
		}
		again, err := codec{}.Encode(nil, c)
		require.NoError(t, err)
		same, err := codec{}.Decode(again)
		require.NoError(t, err)
		require.Equal(t, c, same)
	})
}
