package main

import (
	"strings"
	"testing"
)

const source = `package p

func a() bool {
	if x {
		return true
	}
	return false
}

func b() bool {
	if x {
		return true
	}
	return true
}
`

func TestApply(t *testing.T) {
	for _, c := range []struct {
		name, function string
		old, new       []string
		want           string // of the result, or of the error
	}{
		{"in its function", "b", []string{"if x {", "return true"}, []string{"if !x {", "return false"}, "\tif !x {\n\t\treturn false\n"},
		{"removed", "", []string{"return false"}, nil, "\t}\n\n}\n\nfunc b"},
		{"once in the whole file", "", []string{"func b() bool {"}, []string{"func b() (c bool) {"}, "func b() (c bool) {"},
		{"twice", "", []string{"if x {"}, []string{"if y {"}, "more than once"},
		{"nowhere", "a", []string{"if y {"}, []string{"if x {"}, "nowhere in p.go a"},
		{"no such function", "c", []string{"x"}, []string{"y"}, "no function c"},
		{"no Go", "a", []string{"if x {"}, []string{"if x"}, "expected"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := mutation{file: "p.go", function: c.function, old: c.old, new: c.new}
			mutated, err := m.apply([]byte(source))
			got := string(mutated)
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("%s\ndoes not contain\n%s", got, c.want)
			}
		})
	}
}
