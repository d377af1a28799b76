package main

import (
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// readAll returns every request of a text, and the error that ended it.
func readAll(r *requestReader) (requests [][]string, err error) {
	for {
		args, ok, err := r.next()
		if err != nil {
			return requests, err
		}
		if ok {
			words := make([]string, len(args))
			for i, arg := range args {
				words[i] = string(arg)
			}
			requests = append(requests, words)
			continue
		}
		if err := r.fill(); err != nil {
			return requests, err
		}
	}
}

func TestRequestsAreRead(t *testing.T) {
	for text, want := range map[string][][]string{
		"PING\r\n":                                         {{"PING"}},
		"PING\n":                                           {{"PING"}},
		"\r\n\r\n  \r\nPING\r\n":                           {{"PING"}},
		"SET  k \t v \r\n":                                 {{"SET", "k", "v"}},
		`SET k "hello world"` + "\r\n":                     {{"SET", "k", "hello world"}},
		`SET k ""` + "\n":                                  {{"SET", "k", ""}},
		`SET k 'it\'s "x" \n'` + "\n":                      {{"SET", "k", `it's "x" \n`}},
		`SET k "a\r\n\t\b\a\x41\xzz\"\\"` + "\n":           {{"SET", "k", "a\r\n\t\b\aAxzz\"\\"}},
		"*1\r\n$4\r\nPING\r\n":                             {{"PING"}},
		"*2\r\n$3\r\nGET\r\n$0\r\n\r\n":                    {{"GET", ""}},
		"*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n":              {{"GET", "a\r\nb"}},
		"*0\r\nPING\r\n":                                   {{"PING"}},
		"*1\r\n$4\r\nPING\r\nPING\r\n*1\r\n$4\r\nPING\r\n": {{"PING"}, {"PING"}, {"PING"}},
	} {
		whole, err := readAll(newRequestReader(strings.NewReader(text)))
		require.EqualError(t, err, "EOF", "%q", text)
		require.Equal(t, want, whole, "%q", text)
		bytewise, err := readAll(newRequestReader(iotest.OneByteReader(strings.NewReader(text))))
		require.EqualError(t, err, "EOF", "%q", text)
		require.Equal(t, want, bytewise, "%q, byte by byte", text)
	}
}

func TestGarbageIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"a count beyond any limit":        "*9000000000000000000\r\n$3\r\n",
		"a count of a billion":            "*1000000000\r\n",
		"a size that overflows":           "*1\r\n$9223372036854775807\r\nabc\r\n",
		"a size beyond the limit":         "*1\r\n$4194305\r\n",
		"a negative size":                 "*1\r\n$-1\r\n",
		"no size":                         "*1\r\n$\r\n",
		"no count":                        "*\r\n",
		"a count that is a word":          "*one\r\n",
		"a line end of the wrong kind":    "*1\n$4\r\nPING\r\n",
		"digits without end":              "*1\r\n$00000000000000000000000000001\r\nx\r\n",
		"something else than a bulk":      "*1\r\n+PING\r\n",
		"a bulk that is longer than told": "*1\r\n$3\r\nPING\r\n",
		"an open quote":                   "SET k \"v\r\n",
		"a quote that ends in a word":     "SET k \"v\"w\r\n",
		"a line without end":              strings.Repeat("x", maxInlineBytes),
		"a request without end":           "*2\r\n$3\r\nSET\r\n$4194304\r\n" + strings.Repeat("x", maxRequestBytes),
	} {
		requests, err := readAll(newRequestReader(strings.NewReader(text)))
		var broken protocolError
		require.ErrorAs(t, err, &broken, name)
		require.Empty(t, requests, name)
	}
}

func TestRequestsBeforeGarbageAreServed(t *testing.T) {
	requests, err := readAll(newRequestReader(strings.NewReader("PING\r\n*x\r\n")))
	require.Equal(t, [][]string{{"PING"}}, requests)
	require.EqualError(t, err, "Protocol error: invalid multibulk length")
}

func TestRequestCutOffIsAnError(t *testing.T) {
	_, err := readAll(newRequestReader(strings.NewReader("*1\r\n$4\r\nPI")))
	require.EqualError(t, err, "unexpected EOF")
}

func TestLargeRequestsGrowTheBufferAndGiveItBack(t *testing.T) {
	value := strings.Repeat("v", maxValueBytes)
	r := newRequestReader(strings.NewReader(encodeRequest("SET", "k", value) + "PING\r\n"))
	requests, err := readAll(r)
	require.EqualError(t, err, "EOF")
	require.Equal(t, [][]string{{"SET", "k", value}, {"PING"}}, requests)
	require.Len(t, r.buf, idleBufferBytes)
}

// However the bytes are cut, the same requests come out, and nothing panics or reads beyond the limits.
func FuzzRequests(f *testing.F) {
	f.Add("*2\r\n$3\r\nGET\r\n$1\r\nk\r\nSET k \"a b\"\r\n", byte(3))
	f.Add("*1\r\n$9223372036854775807\r\nabc\r\n", byte(7))
	f.Add("*9000000000000000000\r\n$3\r\n", byte(1))
	f.Fuzz(func(t *testing.T, text string, step byte) {
		whole, errWhole := readAll(newRequestReader(strings.NewReader(text)))
		pieces, errPieces := readAll(newRequestReader(&pieceReader{text: text, step: int(step) + 1}))
		require.Equal(t, whole, pieces)
		require.Equal(t, errWhole.Error(), errPieces.Error())
	})
}

// pieceReader returns step bytes at a time.
type pieceReader struct {
	text string
	step int
}

func (r *pieceReader) Read(p []byte) (int, error) {
	if len(r.text) > r.step && len(p) > r.step {
		p = p[:r.step]
	}
	n, err := strings.NewReader(r.text).Read(p)
	r.text = r.text[n:]
	return n, err
}
