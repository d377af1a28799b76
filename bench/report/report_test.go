package report

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/bench/workload"
)

func TestMedian(t *testing.T) {
	require.Zero(t, Median(nil))
	require.Equal(t, 2.0, Median([]float64{3, 1, 2}))
	require.Equal(t, 2.5, Median([]float64{4, 1, 3, 2}))
	figures := []float64{3, 1, 2}
	Median(figures)
	require.Equal(t, []float64{3, 1, 2}, figures)
}

func sampleReport() *Report {
	r := New()
	large := Key{System: "a", Point: workload.Point{Clients: 1, Size: 1024}}
	many := Key{System: "a", Point: workload.Point{Clients: 64, Size: 16}}
	few := Key{System: "b", Point: workload.Point{Clients: 1, Size: 16}}
	r.AddVoid(large)
	for _, writes := range []uint64{1000, 3000, 2000} {
		r.Add(many, workload.Result{
			Writes: writes, Elapsed: time.Second, P50: 500 * time.Microsecond, P99: 2 * time.Millisecond, Max: 3 * time.Millisecond,
			CPU: time.Duration(writes) * 10 * time.Microsecond, Allocs: 3 * writes, Syncs: writes / 10, SyncsKnown: true,
		})
	}
	r.Add(few, workload.Result{Writes: 1234567, Elapsed: time.Second, P50: time.Microsecond, P99: time.Microsecond})
	return r
}

func TestWriteText(t *testing.T) {
	var out strings.Builder
	require.NoError(t, sampleReport().WriteText(&out))
	want := `
16-byte commands (medians over rounds)
   C  system   writes/s      least       most  p50 µs  p99 µs  CPU µs/w  allocs/w  syncs/w  rounds  void
   1       b  1,234,567  1,234,567  1,234,567       1       1       0.0       0.0        –       1     0
  64       a      2,000      1,000      3,000     500   2,000      10.0       3.0    0.100       3     0

1024-byte commands (medians over rounds)
  C  system  writes/s  least  most  p50 µs  p99 µs  CPU µs/w  allocs/w  syncs/w  rounds  void
  1       a         –      –     –       –       –         –         –        –       0     1
`
	require.Equal(t, want, out.String())
}

func TestWriteCSV(t *testing.T) {
	var out strings.Builder
	require.NoError(t, sampleReport().WriteCSV(&out))
	want := `system,size_bytes,clients,round,seconds,writes,writes_per_second,p50_us,p99_us,max_us,cpu_us_per_write,allocs_per_write,syncs_per_write
a,16,64,1,1.000,1000,1000.000,500.000,2000.000,3000.000,10.000,3.000,0.100000
a,16,64,2,1.000,3000,3000.000,500.000,2000.000,3000.000,10.000,3.000,0.100000
a,16,64,3,1.000,2000,2000.000,500.000,2000.000,3000.000,10.000,3.000,0.100000
b,16,1,1,1.000,1234567,1234567.000,1.000,1.000,0.000,0.000,0.000,
`
	require.Equal(t, want, out.String())
}
