package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// documentName is where the results are kept.
const documentName = "sim/MUTATIONS.md"

// row is what the document says of one mutation.
type row struct {
	rule, name string
	layer      string // of the tests, and the test that noticed
	simulator  string // which seed noticed, and by what property; or why none can
}

const (
	notJudged  = "not judged"
	outOfReach = "out of reach: "
)

// rowFor returns what is known of a mutation so far: what the document says, or nothing.
func rowFor(m *mutation, known []row) row {
	r := row{m.rule, m.name, notJudged, notJudged}
	if i := slices.IndexFunc(known, func(k row) bool { return k.name == m.name }); i >= 0 {
		r.layer, r.simulator = known[i].layer, known[i].simulator
	}
	return r
}

// judged takes in a new verdict.
func (r *row) judged(v verdict) {
	if v.outcome != unasked {
		r.layer = v.cell()
	}
	if v.sweep != nil {
		r.simulator = v.sweep.String()
	}
}

// readRows returns the rows of a document; none if there is no such file.
func readRows(name string) (rows []row, err error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if len(cells) != 4 {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, row{cells[0], cells[1], cells[2], cells[3]})
	}
	return rows[min(2, len(rows)):], err // the first two are the table's own
}

// documentRows brings the rows of a document in step with the lists.
func documentRows(lists []mutation, known []row) []row {
	rows := make([]row, len(lists))
	for i := range lists {
		rows[i] = rowFor(&lists[i], known)
		if hidden := lists[i].hidden; hidden != "" {
			rows[i].simulator = outOfReach + hidden
		} else if strings.HasPrefix(rows[i].simulator, outOfReach) {
			rows[i].simulator = notJudged
		}
	}
	return rows
}

// writeDocument writes what was judged into the document, and keeps what it says of the others.
func writeDocument(root string, lists []mutation, verdicts map[string]verdict) error {
	name := filepath.Join(root, filepath.FromSlash(documentName))
	known, err := readRows(name)
	if err != nil {
		return err
	}
	for i := range lists {
		if v, found := verdicts[lists[i].name]; found && v.outcome != refused {
			r := rowFor(&lists[i], known)
			r.judged(v)
			known = slices.DeleteFunc(known, func(k row) bool { return k.name == r.name })
			known = append(known, r)
		}
	}
	return os.WriteFile(name, []byte(render(documentRows(lists, known))), 0o644)
}

const preface = `# Known bugs, and how many seeds it takes the simulator to find them

Written by ` + "`cd tools && go run ./mutants -write`" + `; a test holds that the rows are those of the lists in
[tools/mutants](../tools/mutants). Each row is a bug that was put back into the engine or the log, the part of the package's
own tests that notices it first, and the lowest seed with which the simulator notices it, seeds counted from 1 on. The
simulator runs whole clusters and is not told which bug is in; some of its judges of conduct were written because such bugs
had passed it by.

*Out of reach* is a bug that leaves everything right which a cluster of these nodes lets anybody see. The row says why.

`

// render writes the document.
func render(rows []row) string {
	var b strings.Builder
	b.WriteString(preface)
	b.WriteString(summarise(rows).String())
	b.WriteString("\n| rule | known bug | noticed first by | simulator: seeds, and what did not hold |\n| --- | --- | --- | --- |\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.rule, r.name, r.layer, r.simulator)
	}
	return b.String()
}

// summary is the head of the document.
type summary struct {
	all, reachable, killed int
	median                 int // seeds over all that are reachable; zero: more than half of them live
}

var seedsOf = regexp.MustCompile(`^(\d+): `)

func summarise(rows []row) (s summary) {
	var seeds []int
	for _, r := range rows {
		s.all++
		if strings.HasPrefix(r.simulator, outOfReach) {
			continue
		}
		s.reachable++
		if match := seedsOf.FindStringSubmatch(r.simulator); match != nil {
			n, _ := strconv.Atoi(match[1]) // digits
			seeds = append(seeds, n)
		}
	}
	s.killed = len(seeds)
	slices.Sort(seeds)
	if middle := (s.reachable - 1) / 2; middle < len(seeds) {
		s.median = seeds[middle]
	}
	return s
}

// percent is how many of the reachable bugs the simulator finds.
func (s summary) percent() float64 { return 100 * float64(s.killed) / float64(max(1, s.reachable)) }

// String is the summary in words.
func (s summary) String() string {
	return fmt.Sprintf("%d bugs; %d within reach, of which the simulator alone finds %d (%.1f %%), half of all within reach by seed %d.\n",
		s.all, s.reachable, s.killed, s.percent(), s.median)
}
