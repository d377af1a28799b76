package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// table prints the verdicts as they come, and counts them.
type table struct {
	rule, name int // widths of the columns
	layers     map[string]int
	stopped    []string // names of those that were killed by a limit
	lived      int
	unjudged   int
	verdicts   map[string]verdict // by name of the mutation
	inReach    []string           // names of those that the simulator found though they are said to be out of reach
}

func newTable(mutations []mutation) *table {
	t := &table{rule: len("rule"), name: len("mutation"), layers: map[string]int{}, verdicts: map[string]verdict{}}
	for i := range mutations {
		t.rule = max(t.rule, utf8.RuneCountInString(mutations[i].rule))
		t.name = max(t.name, utf8.RuneCountInString(mutations[i].name))
	}
	t.row("rule", "mutation", "killed by", "seeds")
	t.row(strings.Repeat("-", t.rule), strings.Repeat("-", t.name), "---", "---")
	return t
}

func (t *table) row(rule, name, verdict, seeds string) {
	fmt.Printf("| %-*s | %-*s | %s | %s |\n", t.rule, rule, t.name, name, verdict, seeds)
}

func (t *table) add(m *mutation, v verdict) {
	t.row(m.rule, m.name, v.cell(), v.sweep.String())
	t.verdicts[m.name] = v
	if m.hidden != "" && v.sweep != nil && v.sweep.by != "" {
		t.inReach = append(t.inReach, m.name)
	}
	switch v.outcome {
	case unasked:
	case killed:
		t.layers[v.layer]++
	case exhausted:
		t.layers[v.layer]++
		t.stopped = append(t.stopped, m.name)
	case survived:
		t.lived++
	case refused:
		t.unjudged++
	}
}

// end prints the sums. It returns an error unless every mutation was killed.
func (t *table) end() error {
	fmt.Println()
	for _, layer := range slices.Sorted(maps.Keys(t.layers)) {
		fmt.Printf("killed by layer %s: %d\n", layer, t.layers[layer])
	}
	for _, name := range t.stopped {
		fmt.Printf("killed by a limit and not by a check: %s\n", name)
	}
	for _, name := range t.inReach {
		fmt.Printf("said to be out of reach, and the simulator finds it: %s\n", name)
	}
	if t.lived == 0 && t.unjudged == 0 && len(t.inReach) == 0 {
		fmt.Println("none survives")
		return nil
	}
	fmt.Printf("survived: %d, not judged: %d\n", t.lived, t.unjudged)
	return errors.New("the tests miss something, or a list is out of step with the code")
}
