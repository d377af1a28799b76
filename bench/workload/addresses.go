package workload

import "github.com/yggr-go/yggr/internal/loopback"

// FreeAddresses returns addresses of the loopback interface on which nobody listens, see [loopback.Address].
func FreeAddresses(count int) ([]string, error) {
	addresses := make([]string, count)
	for i := range addresses {
		var err error
		if addresses[i], err = loopback.Address(); err != nil {
			return nil, err
		}
	}
	return addresses, nil
}
