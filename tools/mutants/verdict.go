package main

import (
	"fmt"
	"regexp"
	"strings"
)

// outcome says what became of a mutation.
type outcome uint8

const (
	survived  outcome = iota // no test noticed
	unasked                  // no layer of tests was wanted: only the simulator was asked
	killed                   // a test failed
	exhausted                // a test was stopped because it took too long or too much memory
	refused                  // it was not judged: it does not fit, does not compile, or vet or the linter refuses it
)

// verdict is the outcome of a mutation and how it came about.
type verdict struct {
	outcome outcome
	layer   string // of the tests that noticed
	by      string // the first test that failed, or why the mutation was not judged
	sweep   *sweep // nil: the simulator was not asked
}

// String is the verdict as the table shows it.
func (v verdict) String() string {
	switch v.outcome {
	case survived:
		return "**SURVIVED**"
	case unasked:
		return ""
	case killed:
		return fmt.Sprintf("%s: %s", v.layer, v.by)
	case exhausted:
		return fmt.Sprintf("%s: killed by %s", v.layer, v.by)
	case refused:
	}
	return "**NOT JUDGED**: " + v.by
}

// cell is the verdict as a part of a table in a document.
func (v verdict) cell() string { return strings.ReplaceAll(v.String(), "|", `\|`) }

var (
	failed  = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)
	running = regexp.MustCompile(`(?m)^\t\t(Test\S+) \(`)
	ended   = regexp.MustCompile(`(?m)^(panic: test timed out|fatal error: .*out of memory|runtime: .*out of memory|.*cannot allocate memory)`)
	frame   = regexp.MustCompile(`\.((?:Test|Fuzz|Example)[A-Za-z0-9_]*)\(`)
)

// readFailure tells from what a test binary printed how it failed, and in which test. A limit that is reached after a test
// has failed says nothing: the others go on for a while.
func readFailure(layer, output string) verdict {
	v := verdict{outcome: killed, layer: layer, by: firstFailure(output)}
	if match := ended.FindStringIndex(output); match != nil && !failed.MatchString(output[:match[0]]) {
		v.outcome = exhausted
		limit := "memory"
		if strings.Contains(output[match[0]:match[1]], "timed out") {
			limit = "timeout"
		}
		v.by = fmt.Sprintf("%s in %s", limit, stuckIn(output, v.by))
	}
	return v
}

// firstFailure returns the innermost of the tests that failed first.
func firstFailure(output string) string {
	name := ""
	for _, match := range failed.FindAllStringSubmatch(output, -1) {
		if name == "" || strings.HasPrefix(match[1], name+"/") {
			name = match[1]
		}
	}
	if match := frame.FindStringSubmatch(output); name == "" && match != nil {
		return match[1]
	}
	if name == "" {
		return "the whole run"
	}
	return strings.TrimPrefix(name, "TestScenarios/")
}

func stuckIn(output, otherwise string) string {
	if match := running.FindAllStringSubmatch(output, -1); match != nil {
		return match[len(match)-1][1]
	}
	return otherwise
}

// firstLine returns the first line of what a tool printed that says something.
func firstLine(output string) string {
	for line := range strings.Lines(output) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return line
		}
	}
	return "without a word"
}
