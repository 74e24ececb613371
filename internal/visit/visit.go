// Package visit is what shared loads know of the visitor of a request without
// knowing the request: who it is, for how long, and how to hide it. So caches do
// not need a web server.
package visit

import (
	"errors"
	"fmt"
)

// A Slot names one kind of visitor fact.
type Slot uint8

// The slots.
const (
	Session  Slot = iota // sessionstate's *State
	Info                 // ctxinfo's *Info
	Query                // queryparams' *Params
	Declared             // who the visitor is, by what the program has declared
	Slots                // how many there are
)

// String is the name of the package that owns the slot.
func (s Slot) String() string {
	switch s {
	case Session:
		return "sessionstate"
	case Info:
		return "ctxinfo"
	case Query:
		return "queryparams"
	case Declared:
		return "the declared visitor"
	}
	return fmt.Sprintf("Slot(%d)", uint8(s))
}

// ErrNone says that no plugin filled the slot: the middleware is missing on
// this route, or the context is not that of a request.
var ErrNone = errors.New("scope: nothing of that kind in this context")

// ErrVisitorInGlobalLoad says that a load whose result is shared by all
// visitors asked for facts of the one visitor that happened to cause it.
var ErrVisitorInGlobalLoad = errors.New("a load that is shared by all visitors read facts of one visitor: pass what it needs as part of the key, or use session scope")

// ErrNoSession says that something which needs a session, or else a declared
// visitor, was used where there is none. All packages share it.
var ErrNoSession = errors.New("no session and no declared visitor in this context: pass the context of the request, and put a middleware with the session manager in front of this route, such as echov4.Use(manager), or declare the visitor with middleware.NewVisitor")

// RequestKey finds, in a context, the innermost state of a request.
type RequestKey struct{}

// Holder is the state of a request, as the values under a [Slot] and
// [RequestKey] are.
type Holder interface {
	// Held is what is in the slot.
	Held(s Slot) any
	// Fill puts v into the slot.
	Fill(s Slot, v any)
}
