package main

import (
	"slices"
	"strings"
	"testing"
)

// TestLayers: a rule's own scenarios come first, and each rule has some.
func TestLayers(t *testing.T) {
	w := &worker{tree: "../.."}
	for _, m := range lists(t) {
		layers, err := w.layersFor(&m)
		switch {
		case err != nil:
			t.Fatal(err)
		case m.folder() != "engine" && len(layers) != 1:
			t.Errorf("%s: %v", m.folder(), layers)
		case m.folder() == "engine" && (len(layers) != 4 || strings.Contains(layers[0].args[0], "()")):
			t.Errorf("rule %s has no scenarios: %v", m.rule, layers)
		}
	}
	names, err := w.scenariosOf("R8")
	if err != nil || !slices.Contains(names, "delayed_append_does_not_truncate") {
		t.Errorf("the scenarios of R8 are %q, %v", names, err)
	}
	w.layers = "cluster,scenario"
	layers, err := w.layersFor(&mutation{rule: "R8", file: "engine/log.go"})
	if err != nil || len(layers) != 2 || layers[1].name != "cluster" {
		t.Errorf("%v, %v", layers, err)
	}
}

func TestLayersThatThereAreNot(t *testing.T) {
	for chosen, known := range map[string]bool{"": true, "test": true, "cluster,simulator": true, "tests": false, "test,": false} {
		if err := knownLayers(chosen); (err == nil) != known {
			t.Errorf("%q: %v", chosen, err)
		}
	}
}
