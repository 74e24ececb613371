package observe

import "log/slog"

// SessionAction says what happened to a session.
type SessionAction string

// The actions.
const (
	SessionCreated   SessionAction = "created"
	SessionRenewed   SessionAction = "renewed"   // the session got a new id
	SessionDestroyed SessionAction = "destroyed" // logged out
	SessionRevoked   SessionAction = "revoked"   // ended from elsewhere, or used after its end
	SessionExpired   SessionAction = "expired"   // idle or absolute time over
	SessionLost      SessionAction = "lost"      // ended while this request was writing to it
	SessionUnknown   SessionAction = "unknown"   // a well-formed id that the store does not know
)

// SessionLife tells that a session was created, renewed or ended.
type SessionLife struct {
	Action SessionAction
	ID     string // short one-way digest of the session's id, the same in all events
	Reason string
}

// SessionRefused tells that a cookie was refused: it was tampered with or truncated, or was
// made for another name, with a removed key, or in the future. The request continues as
// that of a new visitor.
type SessionRefused struct {
	Reason string
	Size   int // bytes of the cookie's value
}

// SessionConflict tells that a commit was tried again, because another request had written
// the session. Tries counts all attempts.
type SessionConflict struct {
	ID    string
	Tries int
	Err   error // set if the commit was given up
}

// SessionValue tells that a value of a session could not be decoded as its key's
// type. Readers get the key's default.
type SessionValue struct {
	ID  string
	Key string
	Err error
}

func (SessionLife) kind() string { return "session.life" }

func (e SessionLife) level() slog.Level {
	if e.Action == SessionLost {
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

func (e SessionLife) attrs() attrs {
	return attrs(nil).str("action", string(e.Action)).str("session", e.ID).str("reason", e.Reason)
}

func (SessionRefused) kind() string { return "session.refused" }

func (SessionRefused) level() slog.Level { return slog.LevelWarn }

func (e SessionRefused) attrs() attrs {
	return attrs(nil).str("reason", e.Reason).add(slog.Int("size", e.Size))
}

func (SessionConflict) kind() string { return "session.conflict" }

func (e SessionConflict) level() slog.Level { return failed(e.Err, slog.LevelDebug) }

func (e SessionConflict) attrs() attrs {
	return attrs(nil).str("session", e.ID).add(slog.Int("tries", e.Tries)).err(e.Err)
}

func (SessionValue) kind() string { return "session.value" }

func (SessionValue) level() slog.Level { return slog.LevelWarn }

func (e SessionValue) attrs() attrs {
	return attrs(nil).str("session", e.ID).str("key", e.Key).err(e.Err)
}
