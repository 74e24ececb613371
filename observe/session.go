package observe

import "log/slog"

// SessionAction is what happened in a session's life.
type SessionAction string

// The actions.
const (
	SessionCreated   SessionAction = "created"
	SessionRenewed   SessionAction = "renewed"   // a new id took over the data
	SessionDestroyed SessionAction = "destroyed" // logged out
	SessionRevoked   SessionAction = "revoked"   // ended from elsewhere, or used after its end
	SessionExpired   SessionAction = "expired"   // idle or absolute time over
	SessionLost      SessionAction = "lost"      // ended while this request was writing to it
	SessionUnknown   SessionAction = "unknown"   // a well-formed id that the store does not know
)

// SessionLife is a step in a session's life.
type SessionLife struct {
	Action SessionAction
	ID     string // short one-way digest of the session's id, the same in all events
	Reason string
}

// SessionRefused is a cookie that was not believed: tampered with, truncated,
// of another name, of a removed key, from the future. The request goes on as
// that of a new visitor.
type SessionRefused struct {
	Reason string
	Size   int // bytes of the cookie's value
}

// SessionConflict is a commit that met another request's write and was
// replayed; Tries is how many attempts it took in all.
type SessionConflict struct {
	ID    string
	Tries int
	Err   error // set when it was given up
}

// SessionValue is a value of a session that could not be decoded as its key's
// type; readers get the key's default.
type SessionValue struct {
	ID  string
	Key string
	Err error
}

// Kind implements Event.
func (SessionLife) Kind() string { return "session.life" }

// Level implements Event.
func (e SessionLife) Level() slog.Level {
	switch e.Action {
	case SessionUnknown, SessionLost:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// LogValue implements Event.
func (e SessionLife) LogValue() slog.Value {
	return attrs(nil).str("action", string(e.Action)).str("session", e.ID).str("reason", e.Reason).value()
}

// Kind implements Event.
func (SessionRefused) Kind() string { return "session.refused" }

// Level implements Event.
func (SessionRefused) Level() slog.Level { return slog.LevelWarn }

// LogValue implements Event.
func (e SessionRefused) LogValue() slog.Value {
	return attrs(nil).str("reason", e.Reason).add(slog.Int("size", e.Size)).value()
}

// Kind implements Event.
func (SessionConflict) Kind() string { return "session.conflict" }

// Level implements Event.
func (e SessionConflict) Level() slog.Level { return failed(e.Err, slog.LevelDebug) }

// LogValue implements Event.
func (e SessionConflict) LogValue() slog.Value {
	return attrs(nil).str("session", e.ID).add(slog.Int("tries", e.Tries)).err(e.Err).value()
}

// Kind implements Event.
func (SessionValue) Kind() string { return "session.value" }

// Level implements Event.
func (SessionValue) Level() slog.Level { return slog.LevelWarn }

// LogValue implements Event.
func (e SessionValue) LogValue() slog.Value {
	return attrs(nil).str("session", e.ID).str("key", e.Key).err(e.Err).value()
}

func (SessionLife) sealed()     {}
func (SessionRefused) sealed()  {}
func (SessionConflict) sealed() {}
func (SessionValue) sealed()    {}
