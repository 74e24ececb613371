// Package scope keeps the toolkit's data of a request in the request's context. There is a slot
// each for the session, the client's facts and the query; their values are made on first use. The
// package also has the mask that hides the slots from loads whose result all visitors share.
//
// It exists so that sessionstate, ctxinfo, queryparams and cachedata need not import each
// other.
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
	// Lifetime is [visit.Lifetime].
	Lifetime = visit.Lifetime
	// LifetimeSource is [visit.LifetimeSource].
	LifetimeSource = visit.LifetimeSource
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

// LifetimeOf is [visit.LifetimeOf].
func LifetimeOf(ctx context.Context) (Lifetime, error) { return visit.LifetimeOf(ctx) }

// WithLifetimeSource is [visit.WithLifetimeSource].
func WithLifetimeSource(parent context.Context, l LifetimeSource) context.Context {
	return visit.WithLifetimeSource(parent, l)
}

// Request is the state of one request: the context that its handlers see, the
// copy of the *http.Request that carries this context, and the slots. Embed
// it in the one allocation made per request. All methods are safe for
// concurrent use once Init has returned.
type Request struct {
	context.Context // that of the original request

	// HTTP is the request with this context in it.
	HTTP http.Request

	origin *http.Request
	mu     sync.Mutex
	values [visit.Slots]any
	filled atomic.Uint32 // a bit for each slot
}

// Init sets r.HTTP to a copy of req whose context is self, which embeds r. The copy shares Body,
// Header and all other parts with req.
func (r *Request) Init(self context.Context, req *http.Request) {
	r.Context = req.Context()
	r.origin = req
	// WithContext is inlined and its result does not escape: no allocation.
	r.HTTP = *req.WithContext(self)
}

// Finish sets the parsed multipart form, if any, in the original request too, so that the server
// removes its temporary files after the handler.
func (r *Request) Finish() {
	if r.origin.MultipartForm == nil {
		r.origin.MultipartForm = r.HTTP.MultipartForm
	}
}

// Value implements context.Context. The value of a Slot is the request that fills it.
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

// Fill puts v into the slot. It is usually the plugin that will build the value on first use.
func (r *Request) Fill(s Slot, v any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.values[s] = v
	r.filled.Or(1 << s)
}

// Held returns the content of the slot.
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

// Update replaces the content of the slot, in the innermost request state of ctx, by the result
// of f. f runs under the request's lock and must be short.
func Update(ctx context.Context, s Slot, f func(held any) any) {
	if r, ok := ctx.Value(visit.RequestKey{}).(*Request); ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.values[s] = f(r.values[s])
	}
}

// Get returns the slot's value. On first use, it calls build with what Fill has put into the
// slot, and keeps the result there. build runs under the request's lock: it must be short and
// call no user code.
//
// The error is [ErrNone], or in a masked context [ErrVisitorInGlobalLoad]; then the owner of the
// mask is told of the attempt.
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

// HTTPS reports whether the client of r uses HTTPS, by the plugin that fills the slot Info. It
// does not build the slot's value.
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
	case interface{ Scheme() string }: // the value that it has built
		return v.Scheme() == "https"
	}
	return false
}

// Peek returns the slot's value if it has been built.
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

// HeldIn returns the content of the slot of ctx, built or not. It is nil if the slot is not
// filled, or is hidden.
func HeldIn(ctx context.Context, s Slot) any {
	if r := holder(ctx, s); r != nil {
		return r.Held(s)
	}
	return nil
}

// holder returns the request that fills the slot, or nil if none does or the slot is hidden. It
// does not count as a read of the slot.
func holder(ctx context.Context, s Slot) *Request {
	switch at := ctx.Value(s).(type) {
	case *Request:
		return at
	case *visit.Watch:
		return holder(at.Context, s)
	}
	return nil
}
