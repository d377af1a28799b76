package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const counted = `package main

import (
	"fmt"
	"os"
)

type counter struct{ n int }

func (c *counter) add(by ...int) (sum int) {
	for _, x := range by {
		c.n += x
	}
	return c.n
}

func hello() { fmt.Fprint(os.Stdout, "hello ") }

func count() int { return hidden(3) }

func hidden(int) int { return 3 }

const step = 2

func main() {
	hello()
	c := counter{n: count()}
	fmt.Print(c.add(step, 1))
}
`

// TestTogether: each mutation is what its number chooses, and no number chooses none.
func TestTogether(t *testing.T) {
	tree := t.TempDir()
	for name, content := range map[string]string{"go.mod": "module example\n\ngo 1.26\n", "main.go": counted} {
		if err := os.WriteFile(filepath.Join(tree, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mutations := []mutation{
		{name: "variadic", file: "main.go", function: "counter.add", old: []string{"c.n += x"}, new: []string{"c.n -= x"}},
		{name: "the same function", file: "main.go", function: "add", old: []string{"return c.n"}, new: []string{"return 7"}},
		{name: "no result", file: "main.go", old: []string{`"hello "`}, new: []string{`"bye "`}},
		{name: "no function", file: "main.go", old: []string{"step = 2"}, new: []string{"step = 1"}},
		{name: "no name", file: "main.go", function: "hidden", old: []string{"return 3"}, new: []string{"return 4"}},
		{name: "out of step", file: "main.go", old: []string{"nowhere"}, new: []string{"x"}},
	}
	numbers, err := together(tree, mutations)
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(tree, "program")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".")
	build.Dir = tree
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for name, want := range map[string]string{
		"": "hello 6", "variadic": "hello 0", "the same function": "hello 7", "no result": "bye 6",
	} {
		number := numbers[name]
		if (number == 0) != (name == "") {
			t.Errorf("%q has number %d", name, number)
		}
		command := limited(number, time.Minute, binary)
		output, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput()
		if err != nil || strings.TrimSpace(string(output)) != want {
			t.Errorf("%q: %q, %v, want %q", name, output, err, want)
		}
	}
	for _, alone := range []string{"no function", "no name", "out of step"} {
		if numbers[alone] != 0 {
			t.Errorf("%q is in", alone)
		}
	}
}
