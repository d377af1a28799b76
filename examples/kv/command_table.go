package main

import (
	"fmt"
	"slices"
	"strings"
)

// Limits of one command.
const (
	maxKeyBytes   = 64 << 10
	maxValueBytes = 1 << 20
)

// replyError is an error whose text is the reply: its kind in capitals, then the reason.
type replyError string

func (e replyError) Error() string { return string(e) }

const (
	errSyntax        = replyError("ERR syntax error")
	errKeyTooLarge   = replyError("ERR key is too large")
	errValueTooLarge = replyError("ERR value is too large")
	errNotInteger    = replyError("ERR value is not an integer or out of range")
	errOverflow      = replyError("ERR increment or decrement would overflow")
)

// request is a command of the client port. It has either propose or answer.
type request struct {
	name                    string
	arity                   int // number of words; -n: at least n
	flags                   []string
	firstKey, lastKey, step int // positions of its keys, for clients; -1 is the last word

	propose func(words [][]byte) (Command, error)     // for the machine: goes through the log, or is a linearizable read
	answer  func(c *connection, words [][]byte) error // is answered here
}

// requestTable holds every command by its name in lower case.
type requestTable map[string]*request

func newRequestTable() requestTable {
	table := make(requestTable)
	for _, r := range slices.Concat(logRequests(), localRequests()) {
		table[r.name] = &r
	}
	return table
}

func logRequests() []request {
	write, read := []string{"write", "denyoom"}, []string{"readonly"}
	return []request{
		{name: "set", arity: -3, flags: write, firstKey: 1, lastKey: 1, step: 1, propose: parseSet},
		{name: "get", arity: 2, flags: read, firstKey: 1, lastKey: 1, step: 1, propose: oneKey(OpGet)},
		{name: "del", arity: -2, flags: write[:1], firstKey: 1, lastKey: -1, step: 1, propose: manyKeys(OpDel)},
		{name: "exists", arity: -2, flags: read, firstKey: 1, lastKey: -1, step: 1, propose: manyKeys(OpExists)},
		{name: "incr", arity: 2, flags: write, firstKey: 1, lastKey: 1, step: 1, propose: oneKey(OpIncr)},
		{name: "mget", arity: -2, flags: read, firstKey: 1, lastKey: -1, step: 1, propose: manyKeys(OpMGet)},
		{name: "dbsize", arity: 1, flags: read, propose: func([][]byte) (Command, error) { return Command{Op: OpDBSize}, nil }},
	}
}

func localRequests() []request {
	fast := []string{"loading", "stale", "fast"}
	return []request{
		{name: "ping", arity: -1, flags: fast, answer: (*connection).ping},
		{name: "hello", arity: -1, flags: fast, answer: (*connection).hello},
		{name: "select", arity: 2, flags: fast, answer: (*connection).selectDatabase},
		{name: "client", arity: -2, flags: fast, answer: (*connection).client},
		{name: "command", arity: -1, flags: fast, answer: (*connection).command},
		{name: "config", arity: -2, flags: fast, answer: (*connection).config},
		{name: "cluster", arity: -2, flags: fast, answer: (*connection).cluster},
		{name: "info", arity: -1, flags: fast, answer: (*connection).info},
		{name: "raft", arity: -2, flags: []string{"admin", "stale"}, answer: (*connection).raft},
		{name: "quit", arity: -1, flags: fast, answer: (*connection).quit},
	}
}

// find returns the request that the words ask for, if it is known and has the right number of words.
func (t requestTable) find(words [][]byte) (*request, error) {
	var lower [16]byte
	name := words[0]
	if len(name) > len(lower) {
		return nil, unknownRequest(words)
	}
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	r, known := t[string(lower[:len(name)])]
	if !known {
		return nil, unknownRequest(words)
	}
	if r.arity >= 0 && len(words) != r.arity || len(words) < -r.arity {
		return nil, wrongArity(r.name)
	}
	return r, nil
}

func wrongArity(name string) error {
	return replyError(fmt.Sprintf("ERR wrong number of arguments for '%s' command", name))
}

// unknownRequest quotes what was sent, cut to what fits a line.
func unknownRequest(words [][]byte) error {
	var b strings.Builder
	fmt.Fprintf(&b, "ERR unknown command '%s', with args beginning with:", printable(words[0]))
	for _, word := range words[1:] {
		if b.Len() > 128 {
			break
		}
		fmt.Fprintf(&b, " '%s'", printable(word))
	}
	return replyError(b.String())
}

func unknownSubcommand(name string, word []byte) error {
	return replyError(fmt.Sprintf("ERR unknown subcommand '%s' of '%s'", printable(word), name))
}

// printable returns at most 64 bytes of a word, with a dot for everything that is not plain ASCII.
func printable(word []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '.'
		}
		return r
	}, string(word[:min(len(word), 64)]))
}

func oneKey(op Op) func([][]byte) (Command, error) {
	return func(words [][]byte) (Command, error) {
		key, err := parseKey(words[1])
		return Command{Op: op, Key: key}, err
	}
}

func manyKeys(op Op) func([][]byte) (Command, error) {
	return func(words [][]byte) (Command, error) {
		keys := make([]string, 0, len(words)-1)
		for _, word := range words[1:] {
			key, err := parseKey(word)
			if err != nil {
				return Command{}, err
			}
			keys = append(keys, key)
		}
		return Command{Op: op, Keys: keys}, nil
	}
}

func parseKey(word []byte) (string, error) {
	if len(word) > maxKeyBytes {
		return "", errKeyTooLarge
	}
	return string(word), nil
}

// parseSet reads SET key value [NX | XX] [GET].
func parseSet(words [][]byte) (Command, error) {
	key, err := parseKey(words[1])
	if err != nil {
		return Command{}, err
	}
	if len(words[2]) > maxValueBytes {
		return Command{}, errValueTooLarge
	}
	c := Command{Op: OpSet, Key: key, Value: string(words[2])}
	for _, option := range words[3:] {
		switch {
		case is(option, "get") && !c.ReturnOld:
			c.ReturnOld = true
		case is(option, "nx") && c.Condition == Always:
			c.Condition = IfMissing
		case is(option, "xx") && c.Condition == Always:
			c.Condition = IfPresent
		default:
			return Command{}, errSyntax
		}
	}
	return c, nil
}

// is compares a word with a name in lower case.
func is(word []byte, name string) bool { return strings.EqualFold(string(word), name) }
