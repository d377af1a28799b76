package actors

import (
	"github.com/hashicorp/go-hclog"

	"github.com/yggr-go/yggr/engine"
)

// logTracer writes the engine's sentences to the log, at level trace.
type logTracer struct{ log hclog.Logger }

// Trace implements engine.Tracer.
func (t logTracer) Trace(sentence string) { t.log.Trace(sentence) }

// tracer returns the engine's tracer; nil, which costs nothing, unless the log is that fine.
func (c *core) tracer() engine.Tracer {
	if !c.engineLog.IsTrace() {
		return nil
	}
	return logTracer{log: c.engineLog}
}
