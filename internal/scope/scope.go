// Package scope holds the toolkit's data of a request, in a context: a slot each for
// the session, the client's facts and the query, which are filled on first use. It
// also has the mask that hides the slots from loads whose result all visitors share.
//
// So sessionstate, ctxinfo, queryparams and cachedata need not import each other.
package scope

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/reecho-go/reecho/internal/visit"
)

type (
	// Slot is [visit.Slot].
	Slot = visit.Slot
	// Life is [visit.Life].
	Life = visit.Life
	// Lender is [visit.Lender].
	Lender = visit.Lender
	// Mask is [visit.Mask].
	Mask = visit.Mask
	// Reads is [visit.Reads].
	Reads = visit.Reads
	// Visitor is [visit.Visitor].
	Visitor = visit.Visitor
	// Declaration is [visit.Declaration].
	Declaration = visit.Declaration
)

// The slots.
const (
	Session  = visit.Session
	Info     = visit.Info
	Query    = visit.Query
	Declared = visit.Declared
)

// Errors; see package visit.
var (
	ErrNone                = visit.ErrNone
	ErrVisitorInGlobalLoad = visit.ErrVisitorInGlobalLoad
)

// Hide is [visit.Hide].
func Hide(parent context.Context) *Mask { return visit.Hide(parent) }

// NewReads is [visit.NewReads].
func NewReads(report func(ctx context.Context, key, value string)) *Reads {
	return visit.NewReads(report)
}

// NewVisitor is [visit.NewVisitor].
func NewVisitor(id func(context.Context) string, keys []any) (*Visitor, error) {
	return visit.NewVisitor(id, keys)
}

// Settle is [visit.Settle].
func Settle(ctx context.Context) { visit.Settle(ctx) }

// Lend is [visit.Lend].
func Lend(ctx context.Context) (Life, error) { return visit.Lend(ctx) }

// WithLender is [visit.WithLender].
func WithLender(parent context.Context, l Lender) context.Context { return visit.WithLender(parent, l) }

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
	values [visit.Slots]any
	filled atomic.Uint32 // a bit for each slot
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
		if key < visit.Slots && r.filled.Load()&(1<<key) != 0 {
			return r
		}
	case visit.RequestKey:
		return r
	}
	return r.Context.Value(key)
}

// Innermost reports whether r is the request state nearest to ctx.
func (r *Request) Innermost(ctx context.Context) bool {
	at, _ := ctx.Value(visit.RequestKey{}).(*Request)
	return at == r
}

// Fill puts v, usually the plugin that will build the fact on first use, into
// the slot.
func (r *Request) Fill(s Slot, v any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.values[s] = v
	r.filled.Or(1 << s)
}

// Held is what is in the slot.
func (r *Request) Held(s Slot) any {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.values[s]
}

// Fill puts v into the slot of the innermost request state of ctx, and
// reports whether there is one.
func Fill(ctx context.Context, s Slot, v any) bool {
	r, ok := ctx.Value(visit.RequestKey{}).(*Request)
	if ok {
		r.Fill(s, v)
	}
	return ok
}

// Update replaces what the slot of the innermost request state of ctx holds by
// what f makes of it, under the request's lock: f must be short.
func Update(ctx context.Context, s Slot, f func(held any) any) {
	if r, ok := ctx.Value(visit.RequestKey{}).(*Request); ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.values[s] = f(r.values[s])
	}
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
	case *visit.Watch:
		at.Note(s)
		return Get(at.Context, s, build)
	case *Mask:
		return nil, at.Refuse(s)
	}
	return nil, ErrNone
}

// HTTPS reports whether the plugin that fills Info says that the client of r
// speaks HTTPS. It builds nothing.
func HTTPS(r *http.Request) bool {
	at := holder(r.Context(), Info)
	if at == nil {
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
	r := holder(ctx, s)
	if r == nil {
		return nil, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.values[s].(*T)
	return v, ok
}

// HeldIn is what the slot of ctx holds, built or not; nil if it is not filled, or
// hidden.
func HeldIn(ctx context.Context, s Slot) any {
	if r := holder(ctx, s); r != nil {
		return r.Held(s)
	}
	return nil
}

// holder returns the request that fills the slot, without noting a read; nil if
// none does, or if it is hidden.
func holder(ctx context.Context, s Slot) *Request {
	switch at := ctx.Value(s).(type) {
	case *Request:
		return at
	case *visit.Watch:
		return holder(at.Context, s)
	}
	return nil
}
