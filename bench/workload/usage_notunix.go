//go:build !unix

package workload

import "time"

// processCPU is not known here; tables show zero.
func processCPU() time.Duration { return 0 }
