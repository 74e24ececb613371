package keys

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/reecho-go/reecho/internal/known"
)

// own are the types of this module that belong to one visitor. They are known
// by name, since their packages use this one.
var own = map[string]string{
	"github.com/reecho-go/reecho/sessionstate.State": "the session of one visitor",
	"github.com/reecho-go/reecho/ctxinfo.Info":       "what is known of one visitor",
	"github.com/reecho-go/reecho/queryparams.Params": "the query of one request",
	"github.com/gorilla/sessions.Session":            "the session of one visitor",
	"github.com/labstack/echo/v5.Context":            "the context of one request",
}

// visitor says in which way values of t belong to one visitor. It is empty for
// all other types.
func visitor(t reflect.Type) string {
	if what := own[t.PkgPath()+"."+t.Name()]; what != "" {
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
	if answers(ptr) {
		return "the response to one request"
	}
	if m, ok := ptr.MethodByName("Request"); ok && m.Type.NumOut() == 1 && m.Type.Out(0).Kind() == reflect.Pointer && isHTTP(m.Type.Out(0).Elem(), "Request") {
		return "the context of one request" // echo.Context, and what embeds it
	}
	return ""
}

// isHTTP reports whether t is the type of that name in net/http, which this
// package does not import: programs without a web server would carry one.
func isHTTP(t reflect.Type, name string) bool { return t.PkgPath() == "net/http" && t.Name() == name }

// answers reports whether t is a http.ResponseWriter.
func answers(t reflect.Type) bool {
	header, ok := t.MethodByName("Header")
	if !ok || header.Type.NumOut() != 1 || !isHTTP(header.Type.Out(0), "Header") {
		return false
	}
	return t.Implements(reflect.TypeFor[interface {
		Write(p []byte) (int, error)
		WriteHeader(status int)
	}]())
}

// visitors reports the places in root, left out of the key or not, that carry the
// visitor who happened to cause a load: all others would get that one's data.
func visitors(owner string, root reflect.Type) []error {
	v := visitorWalk{owner: owner, seen: map[reflect.Type]bool{}}
	path := root.Name()
	if path == "" {
		path = "key"
	}
	v.walk(root, path, false)
	return v.errs
}

// unlessInside returns err, or nil if it is about a part of what carries a
// visitor, whose ways out are others.
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

// walk looks at t and what it consists of. Where it is left out of the key,
// the inside of other modules' types, such as that of a database handle, is theirs.
func (v *visitorWalk) walk(t reflect.Type, path string, leftOut bool) {
	if v.seen[t] {
		return
	}
	v.seen[t] = true
	if what := visitor(t); what != "" {
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
		if theirs(t, leftOut) {
			return
		}
		for i := range t.NumField() {
			f := t.Field(i)
			v.walk(f.Type, path+"."+f.Name, leftOut || ignored(f))
		}
	}
}

// theirs reports whether the inside of the struct t is not to be looked into.
func theirs(t reflect.Type, leftOut bool) bool {
	generic := strings.Contains(t.Name(), "[")
	return !generic && (known.Standard(t) || leftOut && known.Foreign(t))
}
