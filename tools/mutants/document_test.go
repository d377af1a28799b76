package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDocumentIsInStepWithTheLists: the document tells of every mutation of the lists and of nothing else, and its head
// counts its rows.
func TestDocumentIsInStepWithTheLists(t *testing.T) {
	name := filepath.Join("..", "..", filepath.FromSlash(documentName))
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := readRows(name)
	if err != nil {
		t.Fatal(err)
	}
	rows = documentRows(lists(t), rows)
	if render(rows) != string(text) {
		t.Errorf("%s is out of step with the lists: cd tools && go run ./mutants -write -only 'what was added'", documentName)
	}
	rows = slices.DeleteFunc(rows, func(r row) bool { return r.layer != notJudged && r.simulator != notJudged })
	if len(rows) > 0 {
		t.Errorf("%d rows are not judged: cd tools && go run ./mutants -write -only '%s'", len(rows), rows[0].name)
	}
}

// TestWriteDocument: what was judged is new, what was not stays, and what is no more in the lists goes.
func TestWriteDocument(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "sim"), 0o700); err != nil {
		t.Fatal(err)
	}
	all := []mutation{
		{rule: "R1", name: "one"},
		{rule: "R2", name: "two"},
		{rule: "batch", name: "three", hidden: "a log line"},
		{rule: "R3", name: "four"},
	}
	write := func(lists []mutation, verdicts map[string]verdict) []row {
		t.Helper()
		if err := writeDocument(root, lists, verdicts); err != nil {
			t.Fatal(err)
		}
		rows, err := readRows(filepath.Join(root, filepath.FromSlash(documentName)))
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	write(all, map[string]verdict{
		"one":   {outcome: killed, layer: "test", by: "A|B", sweep: &sweep{seeds: 300, by: "liveness", caught: true}},
		"two":   {outcome: killed, layer: "scenario", by: "x", sweep: &sweep{seeds: 2000}},
		"three": {outcome: survived},
	})
	rows := write(all[:3], map[string]verdict{"two": {outcome: unasked, sweep: &sweep{seeds: 7, by: "identity", caught: true}}})
	want := []row{
		{"R1", "one", `test: A\|B`, "300: liveness"},
		{"R2", "two", "scenario: x", "7: identity"},
		{"batch", "three", "**SURVIVED**", outOfReach + "a log line"},
	}
	if !slices.Equal(rows, want) {
		t.Errorf("%q", rows)
	}
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(documentName)))
	head := "3 bugs; 2 within reach, of which the simulator alone finds 2 (100.0 %), half of all within reach by seed 7.\n"
	if err != nil || !strings.Contains(string(text), head) {
		t.Errorf("%s, %v", text, err)
	}
}
