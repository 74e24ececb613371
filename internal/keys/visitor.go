package keys

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/reecho-go/reecho/internal/known"
)

// visitorTypes are types, most of them of this module, whose values belong to one visitor. They are
// identified by name, because their packages import this one.
var visitorTypes = map[string]string{
	"github.com/reecho-go/reecho/sessionstate.State": "the session of one visitor",
	"github.com/reecho-go/reecho/ctxinfo.Info":       "what is known of one visitor",
	"github.com/reecho-go/reecho/queryparams.Params": "the query of one request",
	"github.com/gorilla/sessions.Session":            "the session of one visitor",
	"github.com/labstack/echo/v5.Context":            "the context of one request",
}

// visitorKind returns a description of t, such as "one request", if values of t belong to one
// visitor, and "" otherwise.
func visitorKind(t reflect.Type) string {
	if what := visitorTypes[t.PkgPath()+"."+t.Name()]; what != "" {
		return what
	}
	ptr := t
	if t.Kind() != reflect.Interface {
		ptr = reflect.PointerTo(t)
	}
	if isHTTP(t, "Request") {
		return "one request"
	}
	if ptr.Implements(reflect.TypeFor[context.Context]()) {
		return "the context of one call"
	}
	if isResponseWriter(ptr) {
		return "the response to one request"
	}
	if m, ok := ptr.MethodByName("Request"); ok && m.Type.NumOut() == 1 && m.Type.Out(0).Kind() == reflect.Pointer && isHTTP(m.Type.Out(0).Elem(), "Request") {
		return "the context of one request" // echo.Context, and types that embed it
	}
	return ""
}

// isHTTP reports whether t is the type of that name in net/http. This package does not
// import net/http, because programs without a web server would link it.
func isHTTP(t reflect.Type, name string) bool { return t.PkgPath() == "net/http" && t.Name() == name }

// isResponseWriter reports whether t implements http.ResponseWriter.
func isResponseWriter(t reflect.Type) bool {
	header, ok := t.MethodByName("Header")
	if !ok || header.Type.NumOut() != 1 || !isHTTP(header.Type.Out(0), "Header") {
		return false
	}
	return t.Implements(reflect.TypeFor[interface {
		Write(p []byte) (int, error)
		WriteHeader(status int)
	}]())
}

// visitorErrors returns an error for each place in root, left out of the key or not, that
// carries the visitor who caused a load: all other visitors would get that data.
func visitorErrors(owner string, root reflect.Type) []error {
	v := visitorWalk{owner: owner, seen: map[reflect.Type]bool{}}
	path := root.Name()
	if path == "" {
		path = "key"
	}
	v.walk(root, path, false)
	return v.errs
}

// unlessInside returns err, or nil if it is about a part of a place in carriers, whose
// own error says what to do.
func unlessInside(carriers []error, err *Error) error {
	for _, c := range carriers {
		if c, ok := errors.AsType[*Error](c); ok && strings.HasPrefix(err.Path, c.Path) {
			return nil
		}
	}
	return err
}

type visitorWalk struct {
	owner string
	seen  map[reflect.Type]bool
	errs  []error
}

// walk checks t and the types in it. In fields that are left out of the key it does not
// look into types of other modules, such as a database handle.
func (v *visitorWalk) walk(t reflect.Type, path string, leftOut bool) {
	if v.seen[t] {
		return
	}
	v.seen[t] = true
	if what := visitorKind(t); what != "" {
		v.errs = append(v.errs, &Error{Owner: v.owner, Path: path, Type: t, Err: fmt.Errorf(
			"%s: %s is %s, which the load would see for all others as well, also if it is left out of the key: "+
				"make what the load needs of it a field of the key (an id, a language), or read it in the load of a cache in session scope", path, t, what)})
		return
	}
	switch t.Kind() {
	case reflect.Pointer:
		v.walk(t.Elem(), path, leftOut)
	case reflect.Slice, reflect.Array:
		v.walk(t.Elem(), path+"[]", leftOut)
	case reflect.Map:
		v.walk(t.Key(), path+"[key]", leftOut)
		v.walk(t.Elem(), path+"[]", leftOut)
	case reflect.Struct:
		if skipsFields(t, leftOut) {
			return
		}
		for i := range t.NumField() {
			f := t.Field(i)
			v.walk(f.Type, path+"."+f.Name, leftOut || ignored(f))
		}
	}
}

// skipsFields reports whether the walk skips the struct t.
func skipsFields(t reflect.Type, leftOut bool) bool {
	generic := strings.Contains(t.Name(), "[")
	return !generic && (known.Standard(t) || leftOut && known.Foreign(t))
}
