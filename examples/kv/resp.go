package main

import (
	"bytes"
	"fmt"
	"strconv"
)

// Limits of one request. A request beyond them is a protocol error: it is answered and the connection closed.
const (
	maxRequestBytes = 4 << 20 // as received; also bounds what a connection holds unanswered
	maxInlineBytes  = 64 << 10
	maxArguments    = 16384
)

// protocolError says why a client cannot be understood. What it sent after the error has no meaning.
type protocolError string

func (e protocolError) Error() string { return "Protocol error: " + string(e) }

// parseRequest takes one request from the front of buf: its arguments, which alias buf, and its length. A length
// of zero means that the request is not complete yet. A blank line is a request without arguments.
//
// The port is open to anyone, so no length is believed beyond its limit, and none makes memory: that is why this is
// not left to a library.
//
// It is called again from the start of a request whenever more bytes have come. That is cheap: bulk strings are
// skipped by their length, and the number of arguments and the length of a line are bounded.
func parseRequest(buf []byte, args [][]byte) ([][]byte, int, error) {
	if len(buf) == 0 {
		return args, 0, nil
	}
	if buf[0] == '*' {
		return parseArray(buf, args)
	}
	return parseInline(buf, args)
}

// parseArray reads the form that client libraries send: *2\r\n$3\r\nGET\r\n$1\r\nk\r\n.
func parseArray(buf []byte, args [][]byte) ([][]byte, int, error) {
	count, at, err := parseHeader(buf, 0, '*', maxArguments)
	if err != nil || at == 0 {
		return args, 0, err
	}
	for range count {
		size, body, err := parseHeader(buf, at, '$', maxRequestBytes)
		if err != nil || body == 0 {
			return args, 0, err
		}
		end := body + size
		if len(buf) < end+2 {
			return args, 0, nil
		}
		if buf[end] != '\r' || buf[end+1] != '\n' {
			return args, 0, protocolError("bulk string without an end")
		}
		args = append(args, buf[body:end])
		at = end + 2
	}
	return args, at, nil
}

// parseHeader reads a type byte, a number from 0 to limit, and a line end, at offset at. It returns the offset
// behind the line; zero means that the line is not complete yet.
func parseHeader(buf []byte, at int, kind byte, limit int) (number, next int, err error) {
	if at >= len(buf) {
		return 0, 0, nil
	}
	if buf[at] != kind {
		return 0, 0, protocolError(fmt.Sprintf("expected '%c', got %q", kind, buf[at]))
	}
	const maxDigits = 10
	line := buf[at+1 : min(len(buf), at+1+maxDigits+2)]
	end := bytes.IndexByte(line, '\n')
	if end < 0 && len(line) < maxDigits+2 {
		return 0, 0, nil
	}
	if end < 1 || line[end-1] != '\r' {
		return 0, 0, invalidLength(kind)
	}
	number, ok := parseLength(line[:end-1])
	if !ok || number > limit {
		return 0, 0, invalidLength(kind)
	}
	return number, at + 1 + end + 1, nil
}

func invalidLength(kind byte) error {
	if kind == '*' {
		return protocolError("invalid multibulk length")
	}
	return protocolError("invalid bulk length")
}

// parseLength reads digits and nothing else. There are at most ten, so it cannot overflow.
func parseLength(digits []byte) (int, bool) {
	n := 0
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + int(d-'0')
	}
	return n, len(digits) > 0
}

// parseInline reads the form that people type: SET greeting "hello world".
func parseInline(buf []byte, args [][]byte) ([][]byte, int, error) {
	end := bytes.IndexByte(buf[:min(len(buf), maxInlineBytes)], '\n')
	if end < 0 {
		if len(buf) >= maxInlineBytes {
			return args, 0, protocolError("too big inline request")
		}
		return args, 0, nil
	}
	args, err := splitWords(bytes.TrimSuffix(buf[:end], []byte{'\r'}), args)
	return args, end + 1, err
}

// splitWords splits a line at blanks. A word may be quoted: between double quotes, \n \r \t \b \a \xHH and a
// backslash before anything else mean what they mean in C; between single quotes only \' is special.
func splitWords(line []byte, words [][]byte) ([][]byte, error) {
	for {
		line = bytes.TrimLeft(line, " \t")
		if len(line) == 0 {
			return words, nil
		}
		word, rest, ok := nextWord(line)
		if !ok {
			return words, protocolError("unbalanced quotes in request")
		}
		words, line = append(words, word), rest
	}
}

// nextWord takes the first word of a line that does not begin with a blank. A closing quote ends its word, so a
// blank or the end must follow it.
func nextWord(line []byte) (word, rest []byte, ok bool) {
	word = []byte{}
	for i := 0; i < len(line); {
		switch c := line[i]; c {
		case ' ', '\t':
			return word, line[i:], true
		case '"', '\'':
			text, n, ok := quoted(line[i:])
			end := i + n
			if !ok || end < len(line) && line[end] != ' ' && line[end] != '\t' {
				return nil, nil, false
			}
			return append(word, text...), line[end:], true
		default:
			word = append(word, c)
			i++
		}
	}
	return word, nil, true
}

// quoted reads a quoted text from its opening quote on, and returns how many bytes it took.
func quoted(line []byte) (text []byte, n int, ok bool) {
	quote := line[0]
	for i := 1; i < len(line); {
		c := line[i]
		switch {
		case c == quote:
			return text, i + 1, true
		case c == '\\' && quote == '"' && i+1 < len(line):
			c, n := escaped(line[i+1:])
			text = append(text, c)
			i += 1 + n
		case c == '\\' && quote == '\'' && i+1 < len(line) && line[i+1] == '\'':
			text = append(text, '\'')
			i += 2
		default:
			text = append(text, c)
			i++
		}
	}
	return nil, 0, false
}

// escaped reads what follows a backslash, at least one byte.
func escaped(s []byte) (c byte, n int) {
	if s[0] == 'x' && len(s) >= 3 {
		if v, err := strconv.ParseUint(string(s[1:3]), 16, 8); err == nil {
			return byte(v), 3
		}
	}
	switch s[0] {
	case 'n':
		return '\n', 1
	case 'r':
		return '\r', 1
	case 't':
		return '\t', 1
	case 'b':
		return '\b', 1
	case 'a':
		return '\a', 1
	}
	return s[0], 1
}
