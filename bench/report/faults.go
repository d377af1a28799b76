package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/yggr-go/yggr/bench/workload"
)

// The two kinds of run that make a pair.
const (
	Healthy    = "healthy"
	BlackHoled = "black-holed"
)

// p99Bound is how much slower than the healthy cluster one with a black-holed follower may be.
const p99Bound = 2.0

// BlackHole is one run of a pair.
type BlackHole struct {
	workload.Result
	Missed   uint64        // commands that the silent follower was behind when the silence ended
	CaughtUp time.Duration // from then until all nodes had applied the same
}

// BlackHoles collects pairs of runs. One goroutine uses it.
type BlackHoles struct {
	size  int
	cells map[int]*pairs // by clients
}

// pairs are the runs at one load; a pair has the same place in both.
type pairs struct {
	healthy, faulty         []BlackHole
	voidHealthy, voidFaulty int
}

// NewBlackHoles returns an empty collection of runs with commands of the given size in bytes.
func NewBlackHoles(size int) *BlackHoles { return &BlackHoles{size: size, cells: make(map[int]*pairs)} }

func (b *BlackHoles) cell(clients int) *pairs {
	p := b.cells[clients]
	if p == nil {
		p = &pairs{}
		b.cells[clients] = p
	}
	return p
}

// Add adds a pair.
func (b *BlackHoles) Add(clients int, healthy, faulty BlackHole) {
	p := b.cell(clients)
	p.healthy, p.faulty = append(p.healthy, healthy), append(p.faulty, faulty)
}

// AddVoid counts an attempt that gave no result.
func (b *BlackHoles) AddVoid(clients int, silent bool) {
	if p := b.cell(clients); silent {
		p.voidFaulty++
	} else {
		p.voidHealthy++
	}
}

var blackHoleHeadings = []string{
	"C", "follower", "writes/s", "p50 µs", "p99 µs", "max µs", "missed", "caught up ms", "pairs", "void",
}

// WriteText writes the medians, and below them whether the bound holds; nothing if there was no run.
func (b *BlackHoles) WriteText(w io.Writer) error {
	if len(b.cells) == 0 {
		return nil
	}
	fmt.Fprintf(w, "\nA follower black-holed, %d-byte commands (medians over pairs)\n", b.size)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, strings.Join(blackHoleHeadings, "\t")+"\t")
	var verdicts strings.Builder
	for _, clients := range sortedKeys(b.cells) {
		p := b.cells[clients]
		healthy, faulty := medianOf(p.healthy), medianOf(p.faulty)
		healthy.write(table, clients, Healthy, p.voidHealthy)
		faulty.write(table, clients, BlackHoled, p.voidFaulty)
		p.judge(&verdicts, clients, healthy, faulty)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, verdicts.String())
	return err
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// medians are the medians of several runs, figure by figure.
type medians struct {
	runs                      int
	perSecond, p50, p99, most float64 // durations in nanoseconds
	missed, caughtUp          float64
}

func medianOf(runs []BlackHole) medians {
	of := func(figure func(BlackHole) float64) float64 {
		figures := make([]float64, 0, len(runs))
		for _, r := range runs {
			figures = append(figures, figure(r))
		}
		return Median(figures)
	}
	return medians{
		runs:      len(runs),
		perSecond: of(func(r BlackHole) float64 { return r.PerSecond() }),
		p50:       of(func(r BlackHole) float64 { return float64(r.P50) }),
		p99:       of(func(r BlackHole) float64 { return float64(r.P99) }),
		most:      of(func(r BlackHole) float64 { return float64(r.Max) }),
		missed:    of(func(r BlackHole) float64 { return float64(r.Missed) }),
		caughtUp:  of(func(r BlackHole) float64 { return float64(r.CaughtUp) }),
	}
}

func (m medians) write(w io.Writer, clients int, name string, void int) {
	missed, caughtUp := "–", "–"
	if name == BlackHoled {
		missed, caughtUp = thousands(m.missed), thousands(m.caughtUp/float64(time.Millisecond))
	}
	columns := []string{
		strconv.Itoa(clients), name, thousands(m.perSecond),
		micros(time.Duration(m.p50)), micros(time.Duration(m.p99)), micros(time.Duration(m.most)),
		missed, caughtUp, strconv.Itoa(m.runs), strconv.Itoa(void),
	}
	fmt.Fprintln(w, strings.Join(columns, "\t")+"\t")
}

// judge compares within the pairs.
func (p *pairs) judge(w io.Writer, clients int, healthy, faulty medians) {
	if len(p.healthy) == 0 {
		return
	}
	ratios := make([]float64, len(p.healthy))
	for i := range ratios {
		ratios[i] = float64(p.faulty[i].P99) / float64(p.healthy[i].P99)
	}
	ratio := Median(ratios)
	fmt.Fprintf(w, "C=%d: p99 with a black-holed follower is %.2f × healthy: median of %d pairs, %.2f to %.2f "+
		"(ratio of the medians: p99 %.2f, p50 %.2f); at most %.0f demanded: %s\n",
		clients, ratio, len(ratios), slices.Min(ratios), slices.Max(ratios),
		faulty.p99/healthy.p99, faulty.p50/healthy.p50, p99Bound, verdict(ratio <= p99Bound))
}

func verdict(holds bool) string {
	if holds {
		return "holds"
	}
	return "DOES NOT HOLD"
}

// Restart is one restart of a follower.
type Restart struct {
	Down      time.Duration // from its death to the start of its new process
	Listening time.Duration // from the start of the process until it listens
	Traffic   time.Duration // from then until a message of the leader was delivered
	CaughtUp  time.Duration // from the start of the process until it had applied what the leader had
}

// Restarts collects restarts. One goroutine uses it.
type Restarts struct {
	Void    int             // restarts that do not count, because the leader changed meanwhile
	Writes  []time.Duration // latencies of the writes meanwhile
	Unknown uint64          // writes of unknown outcome
	Refused uint64          // writes that no node took

	heartbeat, connection time.Duration
	restarts              []Restart
}

// NewRestarts returns an empty collection. Traffic is expected within two heartbeats and one connection.
func NewRestarts(heartbeat, connection time.Duration) *Restarts {
	return &Restarts{heartbeat: heartbeat, connection: connection}
}

// Add adds a restart.
func (r *Restarts) Add(restart Restart) { r.restarts = append(r.restarts, restart) }

// WriteText writes the quantiles, and below them whether the bound holds; nothing if there was no restart.
func (r *Restarts) WriteText(w io.Writer) error {
	if len(r.restarts) == 0 {
		return nil
	}
	fmt.Fprintf(w, "\n%d restarts of a killed follower, in ms (%d more were void)\n", len(r.restarts), r.Void)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "from → to\tp50\tp90\tp99\tmax\t")
	r.write(table, "listening → leader's traffic", func(s Restart) time.Duration { return s.Traffic })
	r.write(table, "start → listening", func(s Restart) time.Duration { return s.Listening })
	r.write(table, "start → leader's traffic", func(s Restart) time.Duration { return s.Listening + s.Traffic })
	r.write(table, "start → caught up", func(s Restart) time.Duration { return s.CaughtUp })
	if err := table.Flush(); err != nil {
		return err
	}
	r.judge(w)
	writes := slices.Sorted(slices.Values(r.Writes))
	_, err := fmt.Fprintf(w, "writes meanwhile: %d acknowledged, p50 %s ms, p99 %s ms, max %s ms; %d refused, %d unknown\n",
		len(writes), millis(Quantile(writes, 0.5)), millis(Quantile(writes, 0.99)), millis(Quantile(writes, 1)), r.Refused, r.Unknown)
	return err
}

func (r *Restarts) write(w io.Writer, name string, figure func(Restart) time.Duration) {
	figures := make([]time.Duration, 0, len(r.restarts))
	for _, s := range r.restarts {
		figures = append(figures, figure(s))
	}
	slices.Sort(figures)
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t\n", name, millis(Quantile(figures, 0.5)), millis(Quantile(figures, 0.9)),
		millis(Quantile(figures, 0.99)), millis(Quantile(figures, 1)))
}

func (r *Restarts) judge(w io.Writer) {
	bound, above := 2*r.heartbeat+r.connection, 0
	for _, s := range r.restarts {
		if s.Traffic > bound {
			above++
		}
	}
	fmt.Fprintf(w, "two heartbeats of %v and a connection of %s ms are %s ms: %d of %d restarts took longer: %s\n",
		r.heartbeat, millis(r.connection), millis(bound), above, len(r.restarts), verdict(above == 0))
}

func millis(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 1, 64)
}

// Quantile returns the least figure that the given part of all figures does not exceed; zero of none. The figures
// ascend.
func Quantile(figures []time.Duration, part float64) time.Duration {
	if len(figures) == 0 {
		return 0
	}
	rank := int(math.Ceil(part * float64(len(figures))))
	return figures[max(rank, 1)-1]
}
