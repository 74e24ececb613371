// Package scope is what one request carries for the toolkit: a context with a
// slot for each kind of visitor fact, filled on first use, and the mask that
// hides them from loads whose result everybody shares.
//
// It lets sessionstate, ctxinfo and queryparams find each other's request
// state, and cachedata mask it, without importing one another.
package scope

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
)

// A Slot names one kind of visitor fact.
type Slot uint8

// The slots.
const (
	Session Slot = iota // sessionstate's *State
	Info                // ctxinfo's *Info
	Query               // queryparams' *Params
	slots
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
	}
	return fmt.Sprintf("Slot(%d)", uint8(s))
}

// ErrNone says that no plugin filled the slot: the middleware is missing on
// this route, or the context is not that of a request.
var ErrNone = errors.New("scope: nothing of that kind in this context")

// ErrVisitorInGlobalLoad says that a load whose result is shared by all
// visitors asked for facts of the one visitor that happened to cause it.
var ErrVisitorInGlobalLoad = errors.New("a load that is shared by all visitors read facts of one visitor: pass what it needs as part of the key, or use session scope")

// Request is the state of one request: the context that its handlers see, the
// copy of the *http.Request that carries this context, and the slots. Embed
// it in the one allocation made per request. All methods are safe for
// concurrent use once Init has returned.
type Request struct {
	context.Context // the context the request came with

	// HTTP is the request with this context in it.
	HTTP http.Request

	origin *http.Request
	mu     sync.Mutex
	values [slots]any
	filled [slots]atomic.Bool
}

// Init makes self, which embeds r, the context of a copy of req, held in
// r.HTTP. The copy shares Body, Header and everything else with req.
func (r *Request) Init(self context.Context, req *http.Request) {
	r.Context = req.Context()
	r.origin = req
	// WithContext is inlined and its result does not escape: no allocation.
	r.HTTP = *req.WithContext(self)
}

// Finish hands back to the original request what the server cleans up after
// the handler: the temporary files of a parsed multipart form.
func (r *Request) Finish() {
	if r.origin.MultipartForm == nil {
		r.origin.MultipartForm = r.HTTP.MultipartForm
	}
}

// Value implements context.Context: a Slot key finds the request that fills it.
func (r *Request) Value(key any) any {
	switch key := key.(type) {
	case Slot:
		if key < slots && r.filled[key].Load() {
			return r
		}
	case requestKey:
		return r
	}
	return r.Context.Value(key)
}

// Innermost reports whether r is the request state nearest to ctx.
func (r *Request) Innermost(ctx context.Context) bool {
	at, _ := ctx.Value(requestKey{}).(*Request)
	return at == r
}

// Fill puts v, usually the plugin that will build the fact on first use, into
// the slot.
func (r *Request) Fill(s Slot, v any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.values[s] = v
	r.filled[s].Store(true)
}

// Fill puts v into the slot of the innermost request state of ctx, and
// reports whether there is one.
func Fill(ctx context.Context, s Slot, v any) bool {
	r, ok := ctx.Value(requestKey{}).(*Request)
	if ok {
		r.Fill(s, v)
	}
	return ok
}

// Get returns the slot's value, built on first use: when the slot still holds
// what Fill put there, build turns it into the value, which stays. build runs
// under the request's lock: it must be short and call no user code.
//
// The error is [ErrNone], or [ErrVisitorInGlobalLoad] in a masked context,
// whose owner then learns of the attempt.
func Get[T any](ctx context.Context, s Slot, build func(r *Request, filled any) *T) (*T, error) {
	switch at := ctx.Value(s).(type) {
	case *Request:
		at.mu.Lock()
		defer at.mu.Unlock()
		if v, ok := at.values[s].(*T); ok {
			return v, nil
		}
		v := build(at, at.values[s])
		at.values[s] = v
		return v, nil
	case *Mask:
		at.seen.Or(1 << s)
		return nil, fmt.Errorf("%s: %w", s, ErrVisitorInGlobalLoad)
	}
	return nil, ErrNone
}

// HTTPS reports whether the plugin that fills Info says that the client of r
// speaks HTTPS. It builds nothing.
func HTTPS(r *http.Request) bool {
	at, ok := r.Context().Value(Info).(*Request)
	if !ok {
		return false
	}
	at.mu.Lock()
	v := at.values[Info]
	at.mu.Unlock()
	switch v := v.(type) {
	case interface{ HTTPS(r *http.Request) bool }: // the plugin
		return v.HTTPS(r)
	case interface{ Scheme() string }: // what it has built
		return v.Scheme() == "https"
	}
	return false
}

// Peek returns the slot's value if it has been built already.
func Peek[T any](ctx context.Context, s Slot) (*T, bool) {
	r, ok := ctx.Value(s).(*Request)
	if !ok {
		return nil, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.values[s].(*T)
	return v, ok
}

type requestKey struct{}
