package observe

import (
	"log/slog"
	"time"
)

// PluginFailure is an error or panic of a plugin's hook.
type PluginFailure struct {
	Plugin string
	Hook   string // Start, Begin, BeforeHeaders, End, Close
	Err    error
}

// StoreFailure is a call to a store.Store that failed for another reason than
// the absence of the key.
type StoreFailure struct {
	Owner string // who called: the session manager's or cache's name
	Op    string
	Took  time.Duration
	Err   error
}

// Anomaly is a request header that was not believed: malformed, contradictory
// or sent by somebody who may not send it.
type Anomaly struct {
	Header string
	Reason string
}

// Notice is something that an operator should know once, at start-up: a
// default that is weaker than what production wants.
type Notice struct {
	Owner string
	Text  string
}

// Kind implements Event.
func (PluginFailure) Kind() string { return "plugin.failure" }

// Level implements Event.
func (PluginFailure) Level() slog.Level { return slog.LevelError }

// LogValue implements Event.
func (e PluginFailure) LogValue() slog.Value {
	return attrs(nil).str("plugin", e.Plugin).str("hook", e.Hook).err(e.Err).value()
}

// Kind implements Event.
func (StoreFailure) Kind() string { return "store.failure" }

// Level implements Event.
func (StoreFailure) Level() slog.Level { return slog.LevelError }

// LogValue implements Event.
func (e StoreFailure) LogValue() slog.Value {
	return attrs(nil).str("owner", e.Owner).str("op", e.Op).add(slog.Duration("took", e.Took)).err(e.Err).value()
}

// Kind implements Event.
func (Anomaly) Kind() string { return "request.anomaly" }

// Level implements Event.
func (Anomaly) Level() slog.Level { return slog.LevelWarn }

// LogValue implements Event.
func (e Anomaly) LogValue() slog.Value {
	return attrs(nil).str("header", e.Header).str("reason", e.Reason).value()
}

// Kind implements Event.
func (Notice) Kind() string { return "notice" }

// Level implements Event.
func (Notice) Level() slog.Level { return slog.LevelWarn }

// LogValue implements Event.
func (e Notice) LogValue() slog.Value {
	return attrs(nil).str("owner", e.Owner).str("text", e.Text).value()
}

func (PluginFailure) sealed() {}
func (StoreFailure) sealed()  {}
func (Anomaly) sealed()       {}
func (Notice) sealed()        {}
