package report

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// headings stand above each table.
var headings = []string{
	"C", "system", "writes/s", "least", "most", "p50 µs", "p99 µs", "CPU µs/w", "allocs/w", "syncs/w", "rounds", "void",
}

// WriteText writes a table for each size of command.
func (r *Report) WriteText(w io.Writer) error {
	size := -1
	var table *tabwriter.Writer
	for _, row := range r.rows() {
		if row.Size != size {
			if err := flush(table); err != nil {
				return err
			}
			size = row.Size
			fmt.Fprintf(w, "\n%d-byte commands (medians over rounds)\n", size)
			table = tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
			fmt.Fprintln(table, strings.Join(headings, "\t")+"\t")
		}
		fmt.Fprintln(table, strings.Join(row.text(), "\t")+"\t")
	}
	return flush(table)
}

// WriteLoad tells, where the system does, how busy the machine is: with others at work the figures are noise.
func WriteLoad(w io.Writer, when string) {
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		fmt.Fprintf(w, "load average %s: %s\n", when, strings.Join(strings.Fields(string(load))[:3], " "))
	}
}

func flush(table *tabwriter.Writer) error {
	if table == nil {
		return nil
	}
	return table.Flush()
}

func (w row) text() []string {
	if w.rounds == 0 {
		dashes := strings.Split(strings.Repeat("–", len(headings)-4), "")
		return append(append([]string{strconv.Itoa(w.Clients), w.System}, dashes...), "0", strconv.Itoa(w.void))
	}
	syncs := "–"
	if w.syncs >= 0 {
		syncs = strconv.FormatFloat(w.syncs, 'f', 3, 64)
	}
	return []string{
		strconv.Itoa(w.Clients), w.System,
		thousands(w.perSecond), thousands(w.least), thousands(w.most),
		micros(w.p50), micros(w.p99),
		strconv.FormatFloat(float64(w.cpu)/float64(time.Microsecond), 'f', 1, 64),
		strconv.FormatFloat(w.allocs, 'f', 1, 64), syncs,
		strconv.Itoa(w.rounds), strconv.Itoa(w.void),
	}
}

func micros(d time.Duration) string { return thousands(float64(d) / float64(time.Microsecond)) }

// thousands writes a whole number with commas.
func thousands(figure float64) string {
	digits := strconv.FormatFloat(figure, 'f', 0, 64)
	var b strings.Builder
	for i, digit := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	return b.String()
}
