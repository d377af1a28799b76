package scenario

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/yggr-go/yggr/engine"
)

// Script runs the language of the package comment against one cluster. It is not safe for concurrent use.
type Script struct {
	observer func() Observer
	cluster  *Cluster
	lines    []string
	filler   byte // tells the commands of propose-bytes apart
}

// NewScript returns a script without a cluster; the first command makes one. Each cluster gets an observer of
// its own; observer may be nil.
func NewScript(observer func() Observer) *Script {
	if observer == nil {
		observer = func() Observer { return silence{} }
	}
	return &Script{observer: observer}
}

// Execute runs one command and returns what it tells, one sentence a line. An error means that the command
// makes no sense here; what an observer objects to is told, and kept for [Script.Violation].
func (s *Script) Execute(command string) (string, error) {
	words := strings.Fields(command)
	quiet := len(words) > 0 && words[0] == "quiet"
	if quiet {
		words = words[1:]
	}
	if len(words) == 0 {
		return "", fmt.Errorf("scenario: empty command")
	}
	run, known := commands[words[0]]
	if !known {
		return "", fmt.Errorf("scenario: unknown command %q", words[0])
	}
	if s.cluster == nil && words[0] != "new-cluster" && words[0] != "join" {
		return "", fmt.Errorf("scenario: %q before there is a cluster", words[0])
	}
	s.lines = nil
	err := run(s, newCall(words))
	if err != nil && s.Violation() == nil {
		return "", fmt.Errorf("scenario: %s: %w", command, err)
	}
	if quiet && s.Violation() == nil {
		return "", nil
	}
	return strings.Join(s.lines, "\n"), nil
}

// Violation returns what the observer objected to, or nil.
func (s *Script) Violation() error {
	if s.cluster == nil {
		return nil
	}
	return s.cluster.Err()
}

func (s *Script) say(format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

func (s *Script) hear(sentence string) { s.lines = append(s.lines, sentence) }

// silently runs what is not the point of the scenario. Violations are kept.
func (s *Script) silently(run func() error) error {
	lines := s.lines
	defer func() {
		if s.Violation() == nil {
			s.lines = lines
		}
	}()
	return run()
}

// call is a command with its words sorted out.
type call struct {
	words   []string          // without the command itself
	options map[string]string // of the form key=value
}

func newCall(words []string) call {
	c := call{options: map[string]string{}}
	for _, word := range words[1:] {
		if key, value, found := strings.Cut(word, "="); found {
			c.options[key] = value
		} else {
			c.words = append(c.words, word)
		}
	}
	return c
}

// number returns the i-th word as a number, or otherwise where there is none.
func (c call) number(i, otherwise int) (int, error) {
	if i >= len(c.words) {
		return otherwise, nil
	}
	n, err := strconv.Atoi(c.words[i])
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is not a number", c.words[i])
	}
	return n, nil
}

func (c call) option(key string, otherwise int) (int, error) {
	value, given := c.options[key]
	if !given {
		return otherwise, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s=%q is not a number", key, value)
	}
	return n, nil
}

// node returns the i-th word as the id of a node that exists.
func (s *Script) node(c call, i int) (engine.NodeID, error) {
	if i >= len(c.words) {
		return 0, fmt.Errorf("which node?")
	}
	id, err := parseID(c.words[i])
	if err == nil && s.cluster.node(id) == nil {
		err = fmt.Errorf("there is no %v", id)
	}
	return id, err
}

func parseID(word string) (engine.NodeID, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(word, "n"), 10, 32)
	if err != nil || n == 0 || !strings.HasPrefix(word, "n") {
		return 0, fmt.Errorf("%q is not a node", word)
	}
	return engine.NodeID(n), nil
}

func parseIDs(words []string) ([]engine.NodeID, error) {
	ids := make([]engine.NodeID, len(words))
	for i, word := range words {
		id, err := parseID(word)
		if err != nil {
			return nil, err
		}
		ids[i] = id
	}
	return ids, nil
}
