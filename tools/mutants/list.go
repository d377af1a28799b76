package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

// mutation re-introduces one known bug by changing one place of the code.
//
// In a list it is a block, and blocks are separated by empty lines. Lines that begin with # are comments.
//
//	R1: a granted vote leaves before it is durable
//	engine/recv_vote.go recvRequestVote
//	- e.sendDurable(from.ID,
//	+ e.sendNow(from.ID,
//
// First the rule and what the bug is; then the file and the function, with the type that it belongs to (log.term) where
// the file has others of that name; then the old text, which occurs exactly once in the function, or in the file if none
// is named, and the new one, which may be missing. How lines are indented does not matter. A last line
//
//	! it costs time only
//
// says why a cluster that is seen from outside the package behaves rightly all the same, so that no simulator can notice.
type mutation struct {
	rule     string // of docs/protocol.md, or the part of storage in the documentation of package persistence
	name     string
	file     string // from the root of the tree, with slashes
	function string // empty: the whole file
	old, new []string
	hidden   string // why nobody outside the package can see it; empty: the simulator should
	place    string // of the block, for messages
}

// folder is the package that is mutated, from the root of the tree.
func (m *mutation) folder() string { return path.Dir(m.file) }

var header = regexp.MustCompile(`^([A-Za-z]+[0-9]*): (.+)$`)

// readLists reads the lists in the given order. No two mutations have one name.
func readLists(names []string) ([]mutation, error) {
	var all []mutation
	for _, name := range names {
		mutations, err := readList(name)
		if err != nil {
			return nil, err
		}
		for _, m := range mutations {
			if slices.ContainsFunc(all, func(other mutation) bool { return other.name == m.name }) {
				return nil, fmt.Errorf("%s: there are two mutations %q", m.place, m.name)
			}
			all = append(all, m)
		}
	}
	return all, nil
}

func readList(name string) (mutations []mutation, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var block []string
	place := ""
	end := func() {
		if len(block) == 0 {
			return
		}
		m, wrong := parseMutation(block)
		if wrong != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", place, wrong))
		}
		m.place = place
		mutations, block = append(mutations, m), nil
	}
	lines := bufio.NewScanner(file)
	for number := 1; lines.Scan(); number++ {
		switch line := strings.TrimRight(lines.Text(), " \t"); {
		case strings.HasPrefix(line, "#"):
		case line == "":
			end()
		default:
			if len(block) == 0 {
				place = fmt.Sprintf("%s:%d", name, number)
			}
			block = append(block, line)
		}
	}
	end()
	return mutations, errors.Join(err, lines.Err())
}

func parseMutation(block []string) (mutation, error) {
	var m mutation
	parts := header.FindStringSubmatch(block[0])
	if parts == nil || len(block) < 3 {
		return m, fmt.Errorf("%q does not begin a mutation", block[0])
	}
	m.rule, m.name = parts[1], parts[2]
	m.file, m.function, _ = strings.Cut(block[1], " ")
	for _, line := range block[2:] {
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case m.hidden != "":
			return m, fmt.Errorf("%q stands behind the end", line)
		case word == "!" && len(m.old) > 0:
			m.hidden = strings.TrimSpace(rest)
		case word == "-" && len(m.new) == 0:
			m.old = append(m.old, strings.TrimSpace(rest))
		case word == "+" && len(m.old) > 0:
			m.new = append(m.new, strings.TrimSpace(rest))
		default:
			return m, fmt.Errorf("%q has no place here", line)
		}
	}
	if len(m.old) == 0 || slices.Equal(m.old, m.new) {
		return m, fmt.Errorf("%q changes nothing", m.name)
	}
	return m, nil
}
