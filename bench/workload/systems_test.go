package workload_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yggr-go/yggr/bench/etcd"
	"github.com/yggr-go/yggr/bench/floor"
	"github.com/yggr-go/yggr/bench/hashicorp"
	"github.com/yggr-go/yggr/bench/workload"
	"github.com/yggr-go/yggr/bench/yggr"
)

// patience ends a test that waits for what never comes; nothing is measured by it.
const patience = time.Minute

var systems = []workload.System{
	{Name: "yggr", Start: yggr.Start},
	{Name: "etcd", Start: etcd.Async},
	{Name: "etcd-sync", Start: etcd.Sync},
	{Name: "hashicorp", Start: hashicorp.Start},
	{Name: "floor", Start: floor.Start},
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every system does the workload and is found right.
func TestSystems(t *testing.T) {
	points := []workload.Point{{Clients: 1, Size: 16}, {Clients: 32, Size: 1024}}
	for _, system := range systems {
		for _, p := range points {
			t.Run(fmt.Sprintf("%s/C=%d/size=%d", system.Name, p.Clients, p.Size), func(t *testing.T) {
				t.Parallel() // most of it is waiting for elections
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				const writes = 50
				result, err := workload.Run(ctx, system, t.TempDir(), p, workload.Options{Writes: writes})
				require.NoError(t, err)
				require.EqualValues(t, writes*p.Clients, result.Writes)
				require.Positive(t, result.P50)
				require.GreaterOrEqual(t, result.P99, result.P50)
				require.True(t, result.SyncsKnown)
				require.Positive(t, result.Syncs)
			})
		}
	}
}
