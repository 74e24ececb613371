package visit

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/reecho-go/reecho/internal/panics"
)

// Visitor says who the visitors of a program are: how the id of one comes of a
// context, and which context values are the visitor's own. It is safe for
// concurrent use.
type Visitor struct {
	name  string // among all, so that equal ids of two declarations are two visitors
	id    func(context.Context) string
	keys  atomic.Pointer[[]any] // replaced, never changed
	plain *Declaration          // for contexts that know nothing by name

	mu        sync.Mutex
	forgotten uint64 // how often Forget was called
	waiting   map[string]map[*waiter]struct{}
}

// declarations numbers the Visitors of the process.
var declarations atomic.Uint64

// waiter is a function that waits for the end of a visitor. Its address is its
// identity.
type waiter struct{ end func() }

// NewVisitor declares visitors by the function that makes their ids. What id
// reads of its context is the visitor's own, and so are the values under keys.
// The error joins everything that is wrong.
func NewVisitor(id func(context.Context) string, keys []any) (*Visitor, error) {
	var errs []error
	for i, key := range keys {
		switch {
		case key == nil:
			errs = append(errs, fmt.Errorf("keys[%d] is nil: give a key of context.WithValue, or leave it out", i))
		case !reflect.ValueOf(key).Comparable():
			errs = append(errs, fmt.Errorf("keys[%d] is of type %T, which cannot be compared: no context value can be under it", i, key))
		case slices.Contains(keys[:i], key):
			errs = append(errs, fmt.Errorf("keys[%d] stands twice: %s", i, nameOf(key)))
		case plumbing(key):
			errs = append(errs, fmt.Errorf("keys[%d] is %s, which is no visitor's: leave it out", i, nameOf(key)))
		}
	}
	if id == nil {
		errs = append(errs, errors.New("id is nil: give a function that returns the visitor's id, or \"\" if there is none"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	v := &Visitor{name: strconv.FormatUint(declarations.Add(1), 36) + "/", id: id}
	own := slices.Clone(keys)
	v.keys.Store(&own)
	v.plain = &Declaration{of: v}
	return v, v.probe()
}

// probe calls id with a context that holds nothing, and so learns what it reads.
func (v *Visitor) probe() error {
	nothing := &reading{Context: context.Background(), by: v.plain}
	id := ""
	err := panics.Catch(func() error { id = v.id(nothing); return nil })
	switch {
	case err != nil:
		return fmt.Errorf("id fails for a context without a visitor: return \"\" then: %w", err)
	case id != "":
		return fmt.Errorf("id returns %q for a context that holds nothing, so all visitors would be one: return \"\" if there is no visitor", id)
	case !nothing.read:
		return errors.New("id reads no value of its context: return what a login middleware has put there")
	}
	return nil
}

// owns reports whether the value under key is the visitor's own.
func (v *Visitor) owns(key any) bool { return slices.Contains(*v.keys.Load(), key) }

// Named reports whether id may be made of what a web framework keeps by name.
func (v *Visitor) Named() bool {
	return slices.ContainsFunc(*v.keys.Load(), func(key any) bool { _, ok := key.(string); return ok })
}

// learn notes that id has read the value under key.
func (v *Visitor) learn(key any) {
	if v.owns(key) || plumbing(key) {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.owns(key) {
		updated := append(slices.Clone(*v.keys.Load()), key)
		v.keys.Store(&updated)
	}
}

// Forget ends the visitor with that id, for everything that is kept for as long
// as the visitor is there. When it has returned, nothing of before is found any more.
func (v *Visitor) Forget(id string) {
	v.mu.Lock()
	v.forgotten++
	waiting := v.waiting[id]
	delete(v.waiting, id)
	v.mu.Unlock()
	for w := range waiting {
		w.end()
	}
}

func (v *Visitor) forgets() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.forgotten
}

// onForget calls end once the visitor is forgotten. If anybody was forgotten
// since since, that may have been the visitor, and end runs at once.
func (v *Visitor) onForget(id string, since uint64, end func()) (stop func()) {
	w := &waiter{end}
	v.mu.Lock()
	if v.forgotten != since {
		v.mu.Unlock()
		end()
		return func() {}
	}
	if v.waiting == nil {
		v.waiting = make(map[string]map[*waiter]struct{})
	}
	if v.waiting[id] == nil {
		v.waiting[id] = make(map[*waiter]struct{})
	}
	v.waiting[id][w] = struct{}{}
	v.mu.Unlock()
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(v.waiting[id], w)
		if len(v.waiting[id]) == 0 {
			delete(v.waiting, id)
		}
	}
}

// Declaration is a [Visitor] that holds for a context and those made from it.
type Declaration struct {
	of    *Visitor
	outer *Declaration // of a context further out; both hold

	mu    sync.Mutex
	named func(string) any // what a web framework keeps by name; nil: nothing
	read  map[string]any   // what id has read of that
}

// Declare makes v hold for the request that ctx belongs to. named, if it is not
// nil, returns what the web framework keeps for the request by name, until
// [Declaration.Settle].
func (v *Visitor) Declare(ctx context.Context, named func(string) any) {
	d := v.plain
	if outer, _ := declarationOf(ctx); outer != nil || named != nil {
		d = &Declaration{of: v, outer: outer, named: named}
	}
	if r, ok := ctx.Value(RequestKey{}).(Holder); ok {
		r.Fill(Declared, d)
	}
}

// Settle ends the use of what the framework keeps by name, when the request is
// over: what id reads of it stays as it is then.
func Settle(ctx context.Context) {
	d, _ := declarationOf(ctx)
	if d == nil || d == d.of.plain {
		return
	}
	for _, key := range *d.of.keys.Load() {
		if name, ok := key.(string); ok {
			d.byName(name)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.named = nil
}

// Context returns a context for which v holds, for work that belongs to no request.
func (v *Visitor) Context(parent context.Context) context.Context {
	d := v.plain
	if outer, _ := declarationOf(parent); outer != nil {
		d = &Declaration{of: v, outer: outer}
	}
	return &declared{parent, d}
}

type declared struct {
	context.Context
	by *Declaration
}

// Value implements context.Context.
func (c *declared) Value(key any) any {
	if key == Declared {
		return c
	}
	return c.Context.Value(key)
}

// readDeclaration is declarationOf for who reads the visitor by it.
func readDeclaration(ctx context.Context) (*Declaration, *Mask) {
	if w, ok := ctx.Value(Declared).(*Watch); ok {
		w.Note(Declared)
		return readDeclaration(w.Context)
	}
	return declarationOf(ctx)
}

// declarationOf returns what holds for ctx, or what hides it, or nothing.
func declarationOf(ctx context.Context) (*Declaration, *Mask) {
	switch at := ctx.Value(Declared).(type) {
	case *Watch:
		return declarationOf(at.Context)
	case Holder:
		d, _ := at.Held(Declared).(*Declaration)
		return d, nil
	case *declared:
		return at.by, nil
	case *Mask:
		return nil, at
	}
	return nil, nil
}

// ID returns the id that v gives the visitor of ctx, or "". The error is
// [ErrNone] where v does not hold, or [ErrVisitorInGlobalLoad].
func (v *Visitor) ID(ctx context.Context) (string, error) {
	d, mask := readDeclaration(ctx)
	if mask != nil {
		return "", mask.Refuse(Declared)
	}
	for ; d != nil; d = d.outer {
		if d.of == v {
			return d.id(ctx), nil
		}
	}
	return "", ErrNone
}

// Identified reports whether the program has declared who the visitor of ctx is,
// and the visitor has an id.
func Identified(ctx context.Context) bool {
	for d, _ := declarationOf(ctx); d != nil; d = d.outer {
		if d.id(ctx) != "" {
			return true
		}
	}
	return false
}

// id returns the id that the visitor of ctx has by d alone.
func (d *Declaration) id(ctx context.Context) string {
	return d.of.id(&reading{Context: ctx, by: d})
}

// owns reports whether the value under key is the visitor's own.
func (d *Declaration) owns(key any) bool {
	for ; d != nil; d = d.outer {
		if d.of.owns(key) {
			return true
		}
	}
	return false
}

// byName returns what the framework keeps by name.
func (d *Declaration) byName(name string) any {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.named == nil {
		return d.read[name]
	}
	v := d.named(name)
	if d.read == nil {
		d.read = make(map[string]any)
	}
	d.read[name] = v
	return v
}

// reading is the context that id gets. It notes what is read, and knows
// nothing of declarations, lest id ask for itself.
type reading struct {
	context.Context
	by   *Declaration
	read bool
}

// Value implements context.Context.
func (r *reading) Value(key any) any {
	if key == Declared {
		return nil
	}
	r.read = true
	r.by.of.learn(key)
	if v := r.Context.Value(key); v != nil {
		return v
	}
	if name, ok := key.(string); ok {
		return r.by.byName(name)
	}
	return nil
}
