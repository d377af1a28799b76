package actors

import (
	"context"
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/hashicorp/go-hclog"
)

// The names of a node's loggers below the one in [Config]. Names and fields are stable: filters and dashboards may
// rest on them. docs/operations.md lists what each tells.
const (
	nodeLoggerName    = "node"       // start, stop, failures, supervision
	engineLoggerName  = "engine"     // role, term, leader, membership; at level trace every decision
	runtimeLoggerName = "protoactor" // what the actor runtime says
	rootLoggerName    = "yggr"
)

// LoggerFactory lets the actor runtime log through hclog, under the name yggr.protoactor: pass it to
// actor.WithLoggerFactory when you make the actor system. Attributes become fields, those in groups with the group's
// name and a dot before theirs.
func LoggerFactory(logger hclog.Logger) func(*actor.ActorSystem) *slog.Logger {
	handler := slogHandler{log: logger.Named(rootLoggerName).Named(runtimeLoggerName)}
	return func(*actor.ActorSystem) *slog.Logger { return slog.New(handler) }
}

// slogHandler is an slog.Handler that writes to an hclog.Logger.
type slogHandler struct {
	log    hclog.Logger
	prefix string // of the groups that are open
}

// Enabled implements slog.Handler.
func (h slogHandler) Enabled(_ context.Context, level slog.Level) bool {
	return h.log.GetLevel() <= hclogLevel(level)
}

// Handle implements slog.Handler.
func (h slogHandler) Handle(_ context.Context, record slog.Record) error {
	fields := make([]any, 0, 2*record.NumAttrs())
	record.Attrs(func(attr slog.Attr) bool {
		fields = appendFields(fields, h.prefix, attr)
		return true
	})
	h.log.Log(hclogLevel(record.Level), record.Message, fields...)
	return nil
}

// WithAttrs implements slog.Handler.
func (h slogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var fields []any
	for _, attr := range attrs {
		fields = appendFields(fields, h.prefix, attr)
	}
	return slogHandler{log: h.log.With(fields...), prefix: h.prefix}
}

// WithGroup implements slog.Handler.
func (h slogHandler) WithGroup(name string) slog.Handler {
	if name != "" {
		h.prefix += name + "."
	}
	return h
}

// appendFields flattens an attribute into hclog's pairs of name and value.
func appendFields(fields []any, prefix string, attr slog.Attr) []any {
	value := attr.Value.Resolve()
	if value.Kind() != slog.KindGroup {
		if attr.Equal(slog.Attr{}) {
			return fields
		}
		return append(fields, prefix+attr.Key, value.Any())
	}
	if attr.Key != "" {
		prefix += attr.Key + "."
	}
	for _, member := range value.Group() {
		fields = appendFields(fields, prefix, member)
	}
	return fields
}

// hclogLevel returns the level that a record of slog has in hclog, which knows no levels between its own.
func hclogLevel(level slog.Level) hclog.Level {
	switch {
	case level < slog.LevelDebug:
		return hclog.Trace
	case level < slog.LevelInfo:
		return hclog.Debug
	case level < slog.LevelWarn:
		return hclog.Info
	case level < slog.LevelError:
		return hclog.Warn
	}
	return hclog.Error
}
