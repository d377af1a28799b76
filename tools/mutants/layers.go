package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// layer is a part of a package's tests. The layers of a package are run in order until one notices: first those that
// tell most clearly what is wrong, and take least.
type layer struct {
	name    string
	args    []string // of the test binary
	timeout time.Duration
}

// drawn makes tests that draw their cases draw the same ones in every run, and, as -test.short divides their number by
// five, enough to see what they expect to see.
var drawn = []string{"-test.short", "-rapid.seed=1", "-rapid.checks=2000", "-rapid.nofailfile"}

// layersFor returns the layers to run for a mutation: the scenarios that are said to hold its rule, all others, the other
// tests, and the random cluster; or the tests alone in a package that has nothing else.
func (w *worker) layersFor(m *mutation) ([]layer, error) {
	layers := []layer{{"test", drawn, 5 * time.Minute}}
	if m.folder() == "engine" {
		own, err := w.scenariosOf(m.rule)
		if err != nil {
			return nil, err
		}
		layers = []layer{
			{"scenario of the rule", []string{"-test.run=^TestScenarios$/^(" + strings.Join(own, "|") + ")$"}, time.Minute},
			{"scenario", []string{"-test.run=^TestScenarios$"}, time.Minute},
			{"test", append(slices.Clip(drawn), "-test.skip=^(TestScenarios|TestRandomCluster.*)$"), 3 * time.Minute},
			{"cluster", []string{"-test.run=^TestRandomCluster$", fmt.Sprintf("-cluster.seeds=%d", w.seeds)}, 10 * time.Minute},
		}
	}
	return slices.DeleteFunc(layers, func(l layer) bool { return !w.wants(l.name) }), nil
}

// wants reports whether a layer is to be run.
func (o *options) wants(name string) bool {
	return o.layers == "" || slices.Contains(strings.Split(o.layers, ","), name)
}

var quoted = regexp.MustCompile("`([a-z0-9_]+)`")

// scenariosOf returns the scenarios in the row of a rule in docs/protocol.md.
func (w *worker) scenariosOf(rule string) ([]string, error) {
	document, err := os.ReadFile(filepath.Join(w.tree, "docs", "protocol.md"))
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(string(document)) {
		if !strings.HasPrefix(line, "| "+rule+" |") {
			continue
		}
		for _, match := range quoted.FindAllStringSubmatch(line, -1) {
			names = append(names, match[1])
		}
	}
	return names, nil
}

// layerNames are all layers that there are.
var layerNames = []string{"scenario of the rule", "scenario", "test", "cluster", simulatorLayer}

// knownLayers refuses a choice that would leave out what was meant.
func knownLayers(chosen string) error {
	if chosen == "" {
		return nil
	}
	for name := range strings.SplitSeq(chosen, ",") {
		if !slices.Contains(layerNames, name) {
			return fmt.Errorf("there is no layer %q, but: %s", name, strings.Join(layerNames, ", "))
		}
	}
	return nil
}
