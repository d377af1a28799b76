package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// lists returns the mutations of this folder.
func lists(t *testing.T) []mutation {
	t.Helper()
	names, err := filepath.Glob("*.txt")
	if err != nil || len(names) == 0 {
		t.Fatalf("no lists: %v", err)
	}
	mutations, err := readLists(names)
	if err != nil {
		t.Fatal(err)
	}
	return mutations
}

// TestListsAreInStepWithTheCode: every mutation finds its place, exactly once, and what it makes of the file is Go.
func TestListsAreInStepWithTheCode(t *testing.T) {
	for _, m := range lists(t) {
		source, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(m.file)))
		if err != nil {
			t.Errorf("%s: %q: %v", m.place, m.name, err)
			continue
		}
		mutated, err := m.apply(source)
		switch {
		case err != nil:
			t.Errorf("%s: %q: %v", m.place, m.name, err)
		case slices.Equal(mutated, source):
			t.Errorf("%s: %q changes nothing", m.place, m.name)
		}
	}
}

// TestEveryRuleHasMutations: there are at least two for each rule of the protocol.
func TestEveryRuleHasMutations(t *testing.T) {
	count := map[string]int{}
	for _, m := range lists(t) {
		count[m.rule]++
	}
	for number := 1; number <= 29; number++ {
		if rule := fmt.Sprintf("R%d", number); count[rule] < 2 {
			t.Errorf("rule %s has %d mutations", rule, count[rule])
		}
	}
}

func TestParseMutation(t *testing.T) {
	m, err := parseMutation([]string{
		"R8: a follower acknowledges its own tail", "engine/recv_append.go recvAppendEntries", "- old one {", "-   old two", "+ new",
	})
	if err != nil {
		t.Fatal(err)
	}
	if m.rule != "R8" || m.name != "a follower acknowledges its own tail" || m.file != "engine/recv_append.go" ||
		m.function != "recvAppendEntries" || m.folder() != "engine" {
		t.Errorf("%+v", m)
	}
	if !slices.Equal(m.old, []string{"old one {", "old two"}) || !slices.Equal(m.new, []string{"new"}) {
		t.Errorf("old %q, new %q", m.old, m.new)
	}
}

func TestBlocksThatAreNoMutations(t *testing.T) {
	for _, block := range [][]string{
		{"R8: nothing to change", "engine/log.go"},
		{"without a rule", "engine/log.go", "- a", "+ b"},
		{"R8: the same again", "engine/log.go", "- a", "+ a"},
		{"R8: new before old", "engine/log.go", "+ b", "- a"},
		{"R8: old behind new", "engine/log.go", "- a", "+ b", "- c"},
		{"R8: a stray line", "engine/log.go", "- a", "c"},
	} {
		if _, err := parseMutation(block); err == nil {
			t.Errorf("%q is taken for a mutation", block)
		}
	}
}

func TestListsTellWhereABlockIs(t *testing.T) {
	name := filepath.Join(t.TempDir(), "list.txt")
	text := "# comment\n\nR1: one\na.go\n- x\n+ y\n\nR1: two\na.go\n# inside\n- x\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	mutations, err := readList(name)
	if err != nil || len(mutations) != 2 || len(mutations[1].new) != 0 {
		t.Fatalf("%+v, %v", mutations, err)
	}
	if !strings.HasSuffix(mutations[0].place, "list.txt:3") || !strings.HasSuffix(mutations[1].place, "list.txt:8") {
		t.Errorf("%q, %q", mutations[0].place, mutations[1].place)
	}
	if _, err := readLists([]string{name, name}); err == nil {
		t.Error("two mutations of one name are taken")
	}
}
