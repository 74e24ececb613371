package sessionstate

import (
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// identity has the properties in which two keys of the same name may differ.
type identity struct {
	name     string
	typ      reflect.Type
	raw      string // the default, encoded
	maxBytes int
	version  int
	migrates bool
	site     string // file:line of its NewKey

	last   atomic.Pointer[token] // of the Manager that has accepted the key last
	warned sync.Once
}

// token represents a Manager in keys, which must not keep the Manager alive.
type token struct{ _ byte }

// newIdentity returns the identity of a key. NewKey calls it; the site is the caller of NewKey.
func newIdentity(name string, t reflect.Type, maxBytes, version int, migrates bool) *identity {
	id := &identity{name: name, typ: t, maxBytes: maxBytes, version: version, migrates: migrates}
	for skip := 2; ; skip++ { // a generic NewKey is called by a wrapper
		pc, file, line, ok := runtime.Caller(skip)
		if !ok {
			return id
		}
		if f := runtime.FuncForPC(pc); f != nil && !strings.Contains(f.Name(), "sessionstate.NewKey[") {
			id.site = filepath.Base(file) + ":" + strconv.Itoa(line)
			return id
		}
	}
}

// same reports whether keys with the two identities read and write the same
// values in the same way.
func (id *identity) same(other *identity) bool {
	return id.typ == other.typ && id.raw == other.raw && id.maxBytes == other.maxBytes && id.version == other.version && id.migrates == other.migrates
}

// sharedNameError says that two different keys have one name.
type sharedNameError struct{ second, first *identity }

func (e *sharedNameError) Error() string {
	how := "another default or setting"
	if e.first.typ != e.second.typ {
		how = "the type " + e.first.typ.String()
	}
	return fmt.Sprintf("the key made at %s has the name of the one made at %s, with %s: use one of them for both, or give one another name", e.second.site, e.first.site, how)
}
