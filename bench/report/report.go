package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/yggr-go/yggr/bench/workload"
)

// Key names a cell.
type Key struct {
	System string
	workload.Point
}

// Report collects results. One goroutine uses it.
type Report struct {
	order []Key // as first seen
	cells map[Key]*cell
}

// cell is what one system did at one point.
type cell struct {
	results []workload.Result // by round
	void    int               // attempts that gave no result
}

// New returns an empty report.
func New() *Report { return &Report{cells: make(map[Key]*cell)} }

func (r *Report) cell(k Key) *cell {
	c := r.cells[k]
	if c == nil {
		c = &cell{}
		r.cells[k] = c
		r.order = append(r.order, k)
	}
	return c
}

// Add adds the result of a round.
func (r *Report) Add(k Key, result workload.Result) {
	c := r.cell(k)
	c.results = append(c.results, result)
}

// AddVoid counts an attempt that gave no result, because a leader was lost for example.
func (r *Report) AddVoid(k Key) { r.cell(k).void++ }

// row is a cell in figures.
type row struct {
	Key
	rounds, void           int
	perSecond, least, most float64
	p50, p99               time.Duration
	cpu                    time.Duration // per write
	allocs                 float64       // per write
	syncs                  float64       // per write; negative where unknown
}

// rows returns the medians, by size, then clients, then system in the order of their first results.
func (r *Report) rows() []row {
	rows := make([]row, 0, len(r.order))
	for _, k := range r.order {
		rows = append(rows, r.cells[k].row(k))
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.Size, b.Size), cmp.Compare(a.Clients, b.Clients))
	})
	return rows
}

func (c *cell) row(k Key) row {
	perSecond := c.figures(workload.Result.PerSecond)
	w := row{
		Key: k, rounds: len(c.results), void: c.void,
		perSecond: Median(perSecond),
		p50:       time.Duration(Median(c.figures(func(r workload.Result) float64 { return float64(r.P50) }))),
		p99:       time.Duration(Median(c.figures(func(r workload.Result) float64 { return float64(r.P99) }))),
		cpu:       time.Duration(Median(c.figures(func(r workload.Result) float64 { return r.PerWrite(float64(r.CPU)) }))),
		allocs:    Median(c.figures(func(r workload.Result) float64 { return r.PerWrite(float64(r.Allocs)) })),
		syncs:     Median(c.figures(syncsPerWrite)),
	}
	if len(perSecond) > 0 {
		w.least, w.most = slices.Min(perSecond), slices.Max(perSecond)
	}
	return w
}

func (c *cell) figures(figure func(workload.Result) float64) []float64 {
	figures := make([]float64, 0, len(c.results))
	for _, r := range c.results {
		figures = append(figures, figure(r))
	}
	return figures
}

func syncsPerWrite(r workload.Result) float64 {
	if !r.SyncsKnown {
		return -1
	}
	return r.PerWrite(float64(r.Syncs))
}

// Median returns the middle figure, or the mean of the middle two; zero of none. It changes nothing.
func Median(figures []float64) float64 {
	if len(figures) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(figures))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
