package yggr_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	markdownLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading      = regexp.MustCompile(`(?m)^#+ (.*)$`)
	fence        = regexp.MustCompile("(?s)```.*?```")
	makeCommand  = regexp.MustCompile("`make ([a-z-]+)")
	makeLine     = regexp.MustCompile("(?m)^make ([a-z-]+)") // in a fence
	makeTarget   = regexp.MustCompile(`(?m)^([a-z-]+):.*## `)
	ruleNamed    = regexp.MustCompile(`\bR[0-9]+\b`)
	goExample    = regexp.MustCompile("(?s)<!-- from (\\S+) -->\n```go\n(.*?)```")
)

// TestLinks: every relative link of a document leads to a file that is there, and to a heading where it names one.
func TestLinks(t *testing.T) {
	for _, document := range treeFiles(t, ".md") {
		for _, match := range markdownLink.FindAllStringSubmatch(fence.ReplaceAllString(read(t, document), ""), -1) {
			if strings.Contains(match[1], "://") || strings.HasPrefix(match[1], "mailto:") {
				continue
			}
			target, anchor, _ := strings.Cut(match[1], "#")
			file := path.Join(path.Dir(document), target)
			if target == "" {
				file = document
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s links to %s, which is not there", document, match[1])
			} else if anchor != "" && !hasHeading(read(t, file), anchor) {
				t.Errorf("%s links to %s, but %s has no such heading", document, match[1], file)
			}
		}
	}
}

// hasHeading tells whether a heading of the document has the anchor that code hosts derive from it.
func hasHeading(document, anchor string) bool {
	for _, match := range heading.FindAllStringSubmatch(document, -1) {
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z':
				return r
			}
			return -1
		}, strings.ToLower(match[1]))
		if slug == anchor {
			return true
		}
	}
	return false
}

// TestCommands: every make command that a document tells is a target.
func TestCommands(t *testing.T) {
	targets := map[string]bool{}
	for _, match := range makeTarget.FindAllStringSubmatch(read(t, "Makefile"), -1) {
		targets[match[1]] = true
	}
	require.NotEmpty(t, targets)
	for _, document := range treeFiles(t, ".md") {
		text := read(t, document)
		commands := makeCommand.FindAllStringSubmatch(text, -1)
		for _, block := range fence.FindAllString(text, -1) {
			commands = append(commands, makeLine.FindAllStringSubmatch(block, -1)...)
		}
		for _, match := range commands {
			if !targets[match[1]] {
				t.Errorf("%s tells of make %s, which is no target", document, match[1])
			}
		}
	}
}

// TestRuleNumbers: a rule that a scenario names by its number is in docs/design.md.
func TestRuleNumbers(t *testing.T) {
	design := read(t, "docs/design.md")
	scenarios, err := filepath.Glob("engine/testdata/scenarios/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, scenarios)
	for _, scenario := range scenarios {
		for _, rule := range ruleNamed.FindAllString(read(t, scenario), -1) {
			if !strings.Contains(design, "**"+rule+"**") {
				t.Errorf("%s names rule %s, which docs/design.md does not have", scenario, rule)
			}
		}
	}
}

// TestExamples: a Go example in a document, marked with the file that it is from, is that file or a part of it;
// so it compiles, and what the file's tests run is what a reader copies.
func TestExamples(t *testing.T) {
	found := 0
	for _, document := range treeFiles(t, ".md") {
		for _, match := range goExample.FindAllStringSubmatch(read(t, document), -1) {
			found++
			if !strings.Contains(read(t, match[1]), match[2]) {
				t.Errorf("%s shows an example that %s does not contain: copy it from there", document, match[1])
			}
		}
	}
	require.NotZero(t, found, "no document shows an example any more: is the pattern right?")
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(content)
}
