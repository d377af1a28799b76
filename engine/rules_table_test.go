package engine_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// held are the rules that must have a scenario.
var held = []string{
	"R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15",
	"R16", "R17", "R18", "R19", "R20", "R21", "R22", "R23", "R24", "R25", "R26", "R27", "R28", "R29",
}

var (
	tableRow    = regexp.MustCompile(`(?m)^\| (R[0-9]+) \|.*\|([^|]*)\|$`)
	tableQuoted = regexp.MustCompile("`([^`]+)`")
)

// rulesTable reads the scenarios of each rule from docs/protocol.md.
func rulesTable(t *testing.T) map[string][]string {
	t.Helper()
	document, err := os.ReadFile("../docs/protocol.md")
	require.NoError(t, err)
	table := map[string][]string{}
	for _, row := range tableRow.FindAllStringSubmatch(string(document), -1) {
		require.NotContains(t, table, row[1], "one row a rule")
		for _, name := range tableQuoted.FindAllStringSubmatch(row[2], -1) {
			table[row[1]] = append(table[row[1]], name[1])
		}
	}
	return table
}

// TestRulesAndScenariosAreInStep: every rule has a scenario that holds it, every scenario that the table names exists,
// and every scenario that exists is in the table, under each of the rules that it names itself.
func TestRulesAndScenariosAreInStep(t *testing.T) {
	table := rulesTable(t)
	for _, rule := range held {
		require.NotEmpty(t, table[rule], "no scenario holds %s: see the table in docs/protocol.md", rule)
	}
	listed := map[string]bool{}
	for rule, names := range table {
		for _, name := range names {
			listed[name] = true
			require.FileExists(t, filepath.Join("testdata", "scenarios", name+".txt"), "%s names it in docs/protocol.md", rule)
		}
	}
	files, err := filepath.Glob("testdata/scenarios/*.txt")
	require.NoError(t, err)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		require.True(t, listed[name], "%s is in no row of the table in docs/protocol.md", name)
		story, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, rule := range regexp.MustCompile(`\bR[0-9]+\b`).FindAllString(string(story), -1) {
			require.Contains(t, table[rule], name, "%s names rule %s, and its row in docs/protocol.md does not name it", name, rule)
		}
	}
}
