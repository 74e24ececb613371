package visit

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/reecho-go/reecho/internal/panics"
)

// Reads records which context values the loads of one cache have read from the contexts of
// their callers. It is safe for concurrent use.
type Reads struct {
	report func(ctx context.Context, key, value string)

	known atomic.Pointer[map[read]bool] // whether it is a visitor's; replaced, never changed
	mu    sync.Mutex
}

// read identifies the reads of values with the same key and type.
type read struct {
	key   any // what can be a key of maps: the key, or its type
	value reflect.Type
}

// mostReads bounds the reads that are recorded and reported, because a program may make
// any number of keys.
const mostReads = 100

// NewReads returns Reads that call report once for each key and type of value
// that a load has read, with the name of the key and of the type. report may be nil.
func NewReads(report func(ctx context.Context, key, value string)) *Reads {
	r := &Reads{report: report}
	r.known.Store(new(map[read]bool))
	return r
}

// note records that v was read under key of ctx. It reports whether v belongs to a visitor, by
// declared or by its type.
func (r *Reads) note(ctx context.Context, declared *Declaration, key, v any) (own bool) {
	if r == nil {
		return visitors(v)
	}
	at := read{mapKey(key), reflect.TypeOf(v)}
	if own, ok := (*r.known.Load())[at]; ok {
		return own
	}
	own = visitors(v)
	if !own && !plumbing(key) {
		if declared.readsNow(ctx, key) {
			return true
		}
		if r.learn(at, false) && r.report != nil {
			r.report(ctx, nameOf(key), at.value.String())
		}
		return false
	}
	r.learn(at, own)
	return own
}

// learn records whether at belongs to a visitor, and reports whether that is new.
func (r *Reads) learn(at read, hide bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := *r.known.Load()
	if _, ok := old[at]; ok || len(old) >= mostReads {
		return false
	}
	updated := make(map[read]bool, len(old)+1)
	maps.Copy(updated, old)
	updated[at] = hide
	r.known.Store(&updated)
	return true
}

// readsNow reports whether the function that returns the visitor's id reads the value under
// key. With a visitor in ctx it may read more values than without one.
func (d *Declaration) readsNow(ctx context.Context, key any) bool {
	for at := d; at != nil; at = at.outer {
		_ = panics.Catch(func() error { at.id(ctx); return nil })
	}
	return d.owns(key)
}

// mapKey returns key, or its type if key may not be a valid key of maps.
func mapKey(key any) any {
	switch t := reflect.TypeOf(key); t.Kind() {
	case reflect.Struct, reflect.Array, reflect.Func, reflect.Map, reflect.Slice:
		return t
	}
	return key
}

// visitors reports whether v belongs to a visitor by its type: a request, a value with a
// request (such as the contexts of web frameworks), or a JSON Web Token.
func visitors(v any) bool {
	t := reflect.TypeOf(v)
	switch {
	case t == nil:
		return false
	case isRequest(t):
		return true
	}
	if m, ok := t.MethodByName("Request"); ok && m.Type.NumIn() == 1 && m.Type.NumOut() == 1 && isRequest(m.Type.Out(0)) {
		return true
	}
	return ofTokens(packageOf(t))
}

// isRequest reports whether t is *http.Request. This package does not import net/http, because
// programs without a web server would link it.
func isRequest(t reflect.Type) bool {
	return t.Kind() == reflect.Pointer && t.Elem().PkgPath() == "net/http" && t.Elem().Name() == "Request"
}

// ofTokens reports whether a package is golang-jwt, in any version.
func ofTokens(path string) bool {
	return path == "github.com/golang-jwt/jwt" || strings.HasPrefix(path, "github.com/golang-jwt/jwt/")
}

// plumbers are the packages whose context values have nothing to do with
// visitors: the standard library's, and that of the trace that a request is part of.
var plumbers = []string{
	"internal/nettrace",
	"net/http",
	"net/http/httptrace",
	"runtime/pprof",
	"runtime/trace",
	"go.opentelemetry.io/otel/trace",

	module + "cachedata",
	module + "cacheresource",
	module + "ctxinfo",
	module + "middleware",
	module + "queryparams",
	module + "sessionstate",
}

const module = "github.com/reecho-go/reecho/"

// plumbing reports whether the value under key is technical, and does not belong to a visitor.
func plumbing(key any) bool {
	from := packageOf(reflect.TypeOf(key))
	if slices.Contains(plumbers, from) || strings.HasPrefix(from, module+"internal/") && !strings.HasSuffix(from, "_test") {
		return true
	}
	return key == cancelKey
}

// cancelKey is the key, a pointer to an int, by which contexts find their cancellable parent.
var cancelKey = func() any {
	var asked asking
	_ = context.Cause(&asked)
	return asked.key
}()

// asking is a context that records the key of which it is asked for the value.
type asking struct {
	context.Context
	key any
}

// Value implements context.Context.
func (a *asking) Value(key any) any {
	a.key = key
	return nil
}

// Err implements context.Context. Only an ended context is asked for its cause.
func (*asking) Err() error { return context.Canceled }

// packageOf returns the path of the package of a type, or of the type that it points to.
func packageOf(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath()
}

// nameOf returns the name of a key: its type, and its text or number if the type has one.
func nameOf(key any) string {
	switch v := reflect.ValueOf(key); v.Kind() {
	case reflect.String:
		return fmt.Sprintf("%T(%.64q)", key, v.String())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return fmt.Sprintf("%T(%d)", key, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fmt.Sprintf("%T(%d)", key, v.Uint())
	}
	return fmt.Sprintf("%T", key)
}
