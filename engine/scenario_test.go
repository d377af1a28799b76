package engine_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine/scenario"
	"github.com/yggr-go/yggr/sim/check"
)

// TestScenarios plays every story in testdata/scenarios and compares what happens with what is written there;
// the language is explained in package scenario. CheckInvariants and the checkers of sim/check run after every
// step. After a deliberate change, read the difference that this leaves behind:
//
//	go test ./engine -run TestScenarios -rewrite
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			script := scenario.NewScript(func() scenario.Observer { return check.New() })
			datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
				return playBlock(t, script, d)
			})
		})
	}
}

// playBlock runs the commands of one block: the first stands on the directive's line, others below it. A
// command that makes no sense and a broken safety property fail the test even under -rewrite.
func playBlock(t *testing.T, script *scenario.Script, d *datadriven.TestData) string {
	commands := []string{directive(d)}
	if d.Input != "" {
		commands = append(commands, strings.Split(d.Input, "\n")...)
	}
	var told []string
	for _, command := range commands {
		output, err := script.Execute(command)
		require.NoError(t, err, "%s", d.Pos)
		require.NoError(t, script.Violation(), "%s: %s\n%s", d.Pos, command, output)
		if output != "" {
			told = append(told, output)
		}
	}
	return strings.Join(told, "\n")
}

func directive(d *datadriven.TestData) string {
	words := []string{d.Cmd}
	for _, arg := range d.CmdArgs {
		words = append(words, arg.String())
	}
	return strings.Join(words, " ")
}
