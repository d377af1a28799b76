package actors

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain finds goroutines that are left over. protoactor counts dead letters for a second in one of its own, which
// ends by itself.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/asynkron/protoactor-go/actor.NewDeadLetter.NewThrottle.func4.1"))
}
