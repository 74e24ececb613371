package observe

import (
	"log/slog"
	"time"
)

// PluginFailure tells that a plugin's hook returned an error or panicked.
type PluginFailure struct {
	Plugin string
	Hook   string // Start, Begin, BeforeHeaders, End, Close
	Err    error
}

// StoreFailure tells that a call to a store.Store failed, for another reason than
// the absence of the key.
type StoreFailure struct {
	Owner string // the name of the session manager or cache that has called the store
	Op    string
	Took  time.Duration
	Err   error
}

// StoreBack tells that the store of a cache answers again, after it had failed several times
// and was not called for a while.
type StoreBack struct {
	Owner string
	Down  time.Duration // how long it was not called
}

// Anomaly tells that a request header was ignored, because it was malformed, contradicted
// another one, or came from a peer that is not trusted to send it.
type Anomaly struct {
	Header string
	Reason string
}

// Notice tells an operator something once, at start-up, such as a default that is
// too weak for production.
type Notice struct {
	Owner string
	Text  string
}

func (PluginFailure) kind() string { return "plugin.failure" }

func (PluginFailure) level() slog.Level { return slog.LevelError }

func (e PluginFailure) attrs() attrs {
	return attrs(nil).str("plugin", e.Plugin).str("hook", e.Hook).err(e.Err)
}

func (StoreFailure) kind() string { return "store.failure" }

func (StoreFailure) level() slog.Level { return slog.LevelError }

func (e StoreFailure) attrs() attrs {
	return attrs(nil).str("owner", e.Owner).str("op", e.Op).add(slog.Duration("took", e.Took)).err(e.Err)
}

func (StoreBack) kind() string { return "store.back" }

func (StoreBack) level() slog.Level { return slog.LevelInfo }

func (e StoreBack) attrs() attrs {
	return attrs(nil).str("owner", e.Owner).add(slog.Duration("down", e.Down))
}

func (Anomaly) kind() string { return "request.anomaly" }

func (Anomaly) level() slog.Level { return slog.LevelWarn }

func (e Anomaly) attrs() attrs {
	return attrs(nil).str("header", e.Header).str("reason", e.Reason)
}

func (Notice) kind() string { return "notice" }

func (Notice) level() slog.Level { return slog.LevelWarn }

func (e Notice) attrs() attrs {
	return attrs(nil).str("owner", e.Owner).str("text", e.Text)
}
