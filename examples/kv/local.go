package main

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// compatibility is the version of Redis whose replies are given here. Clients choose their habits by it.
const compatibility = "7.0.0"

func (c *connection) ping(words [][]byte) error {
	switch len(words) {
	case 1:
		c.replies.status("PONG")
	case 2:
		c.replies.bulk(string(words[1]))
	default:
		return wrongArity("ping")
	}
	return nil
}

func (c *connection) quit([][]byte) error {
	c.replies.status("OK")
	return errQuit
}

// selectDatabase accepts the only database there is.
func (c *connection) selectDatabase(words [][]byte) error {
	n, err := strconv.Atoi(string(words[1]))
	if err != nil {
		return errNotInteger
	}
	if n != 0 {
		return replyError("ERR DB index is out of range")
	}
	c.replies.status("OK")
	return nil
}

// hello answers HELLO [2 [SETNAME name]]. Version 3 of the protocol is refused in the way that makes clients fall
// back to version 2.
func (c *connection) hello(words [][]byte) error {
	if len(words) > 1 && string(words[1]) != "2" {
		return replyError("NOPROTO unsupported protocol version")
	}
	for options := words[min(2, len(words)):]; len(options) > 0; options = options[2:] {
		if len(options) < 2 || !is(options[0], "setname") {
			return errSyntax
		}
		c.name = string(options[1])
	}
	c.replies.array(14)
	for _, pair := range [][2]string{{"server", "redis"}, {"version", compatibility}} {
		c.replies.bulk(pair[0])
		c.replies.bulk(pair[1])
	}
	c.replies.bulk("proto")
	c.replies.integer(2)
	c.replies.bulk("id")
	c.replies.integer(c.id)
	for _, pair := range [][2]string{{"mode", "cluster"}, {"role", c.server.replicationRole()}} {
		c.replies.bulk(pair[0])
		c.replies.bulk(pair[1])
	}
	c.replies.bulk("modules")
	c.replies.array(0)
	return nil
}

// replicationRole names the node's role in the words of Redis.
func (s *server) replicationRole() string {
	if leader, known := s.store.CurrentLeader(); known && leader.ID == s.id {
		return "master"
	}
	return "replica"
}

func (c *connection) client(words [][]byte) error {
	switch sub := strings.ToLower(string(words[1])); {
	case sub == "id" && len(words) == 2:
		c.replies.integer(c.id)
	case sub == "getname" && len(words) == 2:
		c.replies.value(Value{Text: c.name, Present: c.name != ""})
	case sub == "setname" && len(words) == 3:
		return c.setName(string(words[2]))
	case sub == "setinfo" && len(words) == 4, sub == "no-evict" && len(words) == 3, sub == "no-touch" && len(words) == 3:
		c.replies.status("OK")
	case sub == "info" && len(words) == 2:
		c.replies.bulk("id=" + strconv.FormatInt(c.id, 10) + " addr=" + c.conn.RemoteAddr().String() + " name=" + c.name + " resp=2\n")
	case slices.Contains([]string{"id", "getname", "setname", "setinfo", "no-evict", "no-touch", "info"}, sub):
		return wrongArity("client|" + sub)
	default:
		return unknownSubcommand("client", words[1])
	}
	return nil
}

func (c *connection) setName(name string) error {
	if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) || len(name) > 64 {
		return replyError("ERR Client names cannot contain spaces, newlines or special characters, or more than 64 characters.")
	}
	c.name = name
	c.replies.status("OK")
	return nil
}

// command answers COMMAND [COUNT | DOCS | LIST | INFO name…].
func (c *connection) command(words [][]byte) error {
	table := c.server.requests
	if len(words) == 1 {
		c.describe(table.names())
		return nil
	}
	switch strings.ToLower(string(words[1])) {
	case "count":
		c.replies.integer(int64(len(table)))
	case "docs":
		c.replies.array(0)
	case "list":
		c.replies.array(len(table))
		for _, name := range table.names() {
			c.replies.bulk(name)
		}
	case "info":
		names := make([]string, 0, len(words)-2)
		for _, word := range words[2:] {
			names = append(names, strings.ToLower(string(word)))
		}
		c.describe(names)
	default:
		return unknownSubcommand("command", words[1])
	}
	return nil
}

func (t requestTable) names() []string {
	names := make([]string, 0, len(t))
	for name := range t {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (c *connection) describe(names []string) {
	c.replies.array(len(names))
	for _, name := range names {
		r, known := c.server.requests[name]
		if !known {
			c.replies.null()
			continue
		}
		c.replies.array(6)
		c.replies.bulk(r.name)
		c.replies.integer(int64(r.arity))
		c.replies.array(len(r.flags))
		for _, flag := range r.flags {
			c.replies.status(flag)
		}
		for _, n := range []int{r.firstKey, r.lastKey, r.step} {
			c.replies.integer(int64(n))
		}
	}
}

// config answers CONFIG GET pattern… with the few settings that clients look for.
func (c *connection) config(words [][]byte) error {
	if !is(words[1], "get") {
		return unknownSubcommand("config", words[1])
	}
	if len(words) < 3 {
		return wrongArity("config|get")
	}
	var pairs []string
	for _, setting := range [][2]string{
		{"appendfsync", "always"},
		{"appendonly", "yes"},
		{"databases", "1"},
		{"maxclients", strconv.Itoa(maxConnections)},
		{"proto-max-bulk-len", strconv.Itoa(maxValueBytes)},
		{"save", ""},
	} {
		if slices.ContainsFunc(words[2:], func(pattern []byte) bool { return matches(pattern, setting[0]) }) {
			pairs = append(pairs, setting[0], setting[1])
		}
	}
	c.replies.array(len(pairs))
	for _, text := range pairs {
		c.replies.bulk(text)
	}
	return nil
}

func matches(pattern []byte, name string) bool {
	ok, err := path.Match(strings.ToLower(string(pattern)), name)
	return ok && err == nil
}
