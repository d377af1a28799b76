package remote

import (
	"sync"
	"time"
)

// Logger is where a transport tells what it did; args are pairs of key and value. An hclog.Logger and a
// *slog.Logger are Loggers. It is called from several goroutines.
type Logger interface {
	Debug(msg string, args ...any)
	Info(msg string, args ...any)
	Warn(msg string, args ...any)
}

type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}

// throttle keeps strangers from filling the log: one warning a second, the rest as debug.
type throttle struct {
	logger Logger
	mu     sync.Mutex
	next   time.Time
}

func (t *throttle) warn(msg string, args ...any) {
	t.mu.Lock()
	now := time.Now()
	due := !now.Before(t.next)
	if due {
		t.next = now.Add(time.Second)
	}
	t.mu.Unlock()
	if due {
		t.logger.Warn(msg, args...)
		return
	}
	t.logger.Debug(msg, args...)
}
