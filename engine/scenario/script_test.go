package scenario_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/engine/scenario"
)

// play runs commands and returns what the last one tells.
func play(t *testing.T, script *scenario.Script, commands ...string) string {
	t.Helper()
	var told string
	for _, command := range commands {
		output, err := script.Execute(command)
		require.NoError(t, err, command)
		told = output
	}
	return told
}

func TestCommandsThatMakeNoSense(t *testing.T) {
	for command, complaint := range map[string]string{
		"":                                "empty command",
		"dance":                           `unknown command "dance"`,
		"tick":                            "which node?",
		"tick n9":                         "there is no n9",
		"tick nine":                       `"nine" is not a node`,
		"tick n1 often":                   `"often" is not a number`,
		"deliver n1->x":                   `"x" is not a node`,
		"deliver Telegram":                `"Telegram" is neither a link nor a number nor a message type`,
		"reorder n1->n2":                  "fewer than two messages",
		"duplicate n1->n2":                "nothing is on its way",
		"cut n1->":                        "cut which link?",
		"advance soon":                    "invalid duration",
		"propose n1":                      "propose what?",
		"wipe n1":                         "as founder or as joiner?",
		"restart n1":                      "n1 is not a node that has crashed",
		"join n1":                         "n1 exists",
		"add-voter n1":                    "whom?",
		"add-voter n9 n4":                 "there is no n9",
		"remove n1 four":                  `"four" is not a node`,
		"add-voter n1 n4 incarnation=new": `incarnation="new" is not a hexadecimal number`,
		"transfer n1 two":                 `"two" is not a node`,
		"new-cluster n1 max-speed=3":      `unknown option "max-speed"`,
		"new-cluster n1 n1":               "named twice",
		"elect n2":                        "n2 pre-candidate",
	} {
		script := scenario.NewScript(nil)
		play(t, script, "new-cluster n1 n2 n3", "partition n1 | n2 | n3")
		_, err := script.Execute(command)
		require.ErrorContains(t, err, complaint, command)
	}
}

func TestNothingBeforeThereIsACluster(t *testing.T) {
	_, err := scenario.NewScript(nil).Execute("tick n1")
	require.ErrorContains(t, err, "before there is a cluster")
}

func TestQuietTellsNothing(t *testing.T) {
	script := scenario.NewScript(nil)
	require.Empty(t, play(t, script, "quiet new-cluster n1"))
	require.NotEmpty(t, play(t, script, "status"))
}

func TestACrashedNodeHearsNothing(t *testing.T) {
	script := scenario.NewScript(nil)
	play(t, script, "new-cluster n1 n2 n3", "campaign n1", "crash n2")
	require.Contains(t, play(t, script, "deliver n1->n2"), "lost, n2 does not run")
	_, err := script.Execute("tick n2")
	require.ErrorIs(t, err, scenario.ErrNotRunning)
}

// A message that must wait leaves when the writes before it are durable, whatever stands behind it, and the
// engine hears of that later.
func TestDiskQueueKeepsTheOrder(t *testing.T) {
	script := scenario.NewScript(nil)
	play(t, script, "new-cluster n1 n2 n3", "elect n1", "stall-disk n2", "propose n1 x", "deliver n1->n2", "propose n1 y", "deliver n1->n2")
	require.Equal(t, "nothing is on its way", play(t, script, "deliver n2->n1"))
	require.Equal(t, "  sends n2->n1 AppendEntriesResponse #4 term 2, match 4", play(t, script, "sync n2 1"))
	require.Contains(t, play(t, script, "status"), "n2 follower term 2, leader n1, log ends at 2/5, durable 3")
	play(t, script, "confirm n2")
	require.Contains(t, play(t, script, "status"), "n2 follower term 2, leader n1, log ends at 2/5, durable 4")
	require.Contains(t, play(t, script, "crash n2", "restart n2"), "n2 restarts: term 2, vote for n1, log ends at 2/4")
}

func TestACrashKeepsAPrefixOfTheQueue(t *testing.T) {
	script := scenario.NewScript(nil)
	play(t, script, "new-cluster n1 n2 n3", "elect n1", "stall-disk n1", "propose n1 x", "propose n1 y", "crash n1 keep=1")
	require.Contains(t, play(t, script, "restart n1"), "log ends at 2/4")
}

// objector objects to the first message that leaves.
type objector struct{}

var errObjection = errors.New("objection")

func (objector) Started(engine.Peer, engine.Recovered) error { return nil }
func (objector) Stepped(engine.NodeID, engine.Event, []engine.Action, engine.Status) error {
	return nil
}
func (objector) Durable(engine.NodeID, engine.Seq) error                 { return nil }
func (objector) Left(engine.NodeID, engine.NodeID, engine.Message) error { return errObjection }
func (objector) Crashed(engine.NodeID)                                   {}

func TestAnObjectionIsToldEvenQuietly(t *testing.T) {
	script := scenario.NewScript(func() scenario.Observer { return objector{} })
	told := play(t, script, "new-cluster n1 n2 n3", "quiet campaign n1")
	require.ErrorIs(t, script.Violation(), errObjection)
	require.Equal(t, 1, strings.Count(told, "VIOLATION objection"))
}
