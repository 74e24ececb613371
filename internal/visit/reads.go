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

// Reads knows what the loads of one cache have read of contexts above their
// own. It is safe for concurrent use.
type Reads struct {
	report func(ctx context.Context, key, value string)

	known atomic.Pointer[map[read]bool] // whether it is a visitor's; replaced, never changed
	mu    sync.Mutex
}

// read is a value that was read, for all that are alike.
type read struct {
	key   any // what can be a key of maps: the key, or its type
	value reflect.Type
}

// mostReads bounds what is known and reported, where keys are made as the
// program goes.
const mostReads = 100

// NewReads returns Reads that call report once for each key and type of value
// that a load has read, with the name of the key and of the type. report may be nil.
func NewReads(report func(ctx context.Context, key, value string)) *Reads {
	r := &Reads{report: report}
	r.known.Store(new(map[read]bool))
	return r
}

// note notes that v was read under key of ctx, and reports whether it is a
// visitor's, as far as declared, or its type, says.
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

// learn notes what at is, and reports whether that is new.
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

// readsNow reports whether the visitor's id is made of the value under key for
// ctx. For a visitor who is there it may read more than was known before.
func (d *Declaration) readsNow(ctx context.Context, key any) bool {
	for at := d; at != nil; at = at.outer {
		_ = panics.Catch(func() error { at.id(ctx); return nil })
	}
	return d.owns(key)
}

// mapKey returns key, or its type if it may be what no map takes as a key.
func mapKey(key any) any {
	switch t := reflect.TypeOf(key); t.Kind() {
	case reflect.Struct, reflect.Array, reflect.Func, reflect.Map, reflect.Slice:
		return t
	}
	return key
}

// visitors reports whether v is a visitor's whoever has put it into a context: a
// request, what has one (as the contexts of web frameworks), or a JSON Web Token.
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

// isRequest reports whether t is *http.Request, which this package does not
// import: programs without a web server would carry one.
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

// plumbing reports whether what is under key connects the parts of a program,
// and says nothing of the visitor.
func plumbing(key any) bool {
	from := packageOf(reflect.TypeOf(key))
	if slices.Contains(plumbers, from) || strings.HasPrefix(from, module+"internal/") && !strings.HasSuffix(from, "_test") {
		return true
	}
	return key == cancelKey
}

// cancelKey is the key, a pointer to an int, under which contexts find each other.
var cancelKey = func() any {
	var asked asking
	_ = context.Cause(&asked)
	return asked.key
}()

// asking is a context that notes the key that it is asked for.
type asking struct {
	context.Context
	key any
}

// Value implements context.Context.
func (a *asking) Value(key any) any {
	a.key = key
	return nil
}

// Err implements context.Context. What has ended may have a cause.
func (*asking) Err() error { return context.Canceled }

// packageOf returns the path of the package that a type, or what it points to, is from.
func packageOf(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath()
}

// nameOf names a key: by its type, and by its text or number if that is all
// that distinguishes it from others.
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
