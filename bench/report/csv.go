package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"github.com/yggr-go/yggr/bench/workload"
)

var columns = []string{
	"system", "size_bytes", "clients", "round", "seconds", "writes", "writes_per_second",
	"p50_us", "p99_us", "max_us", "cpu_us_per_write", "allocs_per_write", "syncs_per_write",
}

// WriteCSV writes a line for each result, rounds counted from 1. Where syncs are unknown the field is empty.
func (r *Report) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.Write(columns); err != nil {
		return err
	}
	for _, k := range r.order {
		for i, result := range r.cells[k].results {
			if err := out.Write(record(k, i+1, result)); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}

func record(k Key, round int, r workload.Result) []string {
	decimal := func(figure float64) string { return strconv.FormatFloat(figure, 'f', 3, 64) }
	us := func(d time.Duration) string { return decimal(float64(d) / float64(time.Microsecond)) }
	syncs := ""
	if r.SyncsKnown {
		syncs = strconv.FormatFloat(syncsPerWrite(r), 'f', 6, 64)
	}
	return []string{
		k.System, strconv.Itoa(k.Size), strconv.Itoa(k.Clients), strconv.Itoa(round),
		decimal(r.Elapsed.Seconds()), strconv.FormatUint(r.Writes, 10), decimal(r.PerSecond()),
		us(r.P50), us(r.P99), us(r.Max), decimal(r.PerWrite(float64(r.CPU)) / float64(time.Microsecond)),
		decimal(r.PerWrite(float64(r.Allocs))), syncs,
	}
}
