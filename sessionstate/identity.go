package sessionstate

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// identity is what tells two keys of one name apart.
type identity struct {
	name     string
	typ      reflect.Type
	raw      string // the default, encoded
	maxBytes int
	version  int
	migrates bool
	site     string // file:line of its NewKey

	last   atomic.Pointer[token] // of the Manager that accepted it last
	warned sync.Once
}

// token stands for a Manager, in keys, which live longer.
type token struct{ _ byte }

// newIdentity is called by NewKey, whose caller is the site.
func newIdentity(name string, t reflect.Type, maxBytes, version int, migrates bool) *identity {
	id := &identity{name: name, typ: t, maxBytes: maxBytes, version: version, migrates: migrates}
	for skip := 2; ; skip++ { // NewKey of a generic type has a wrapper
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

// maxNames bounds the names that a Manager remembers, for programs that make keys
// of names from data.
const maxNames = 10_000

// names are the keys that a Manager has seen, by their names.
type names struct {
	token *token
	first sync.Map // name -> *identity
	n     atomic.Int64
}

// claim fails if another key with the name was used before.
func (n *names) claim(id *identity) error {
	if id.last.Load() == n.token {
		return nil
	}
	first, ok := n.first.Load(id.name)
	if !ok && n.n.Load() < maxNames {
		if first, ok = n.first.LoadOrStore(id.name, id); !ok {
			n.n.Add(1)
		}
	}
	if other, _ := first.(*identity); ok && other != id && !other.same(id) {
		return &valueError{key: id.name, typ: id.typ.String(), err: &sharedNameError{id, other}}
	}
	id.last.Store(n.token)
	return nil
}

// claim is that of the Manager. It tells the observer of each key that it refuses.
func (s *State) claim(id *identity) error {
	if s.none {
		return nil // the request has no session, and its own error
	}
	err := s.m.names.claim(id)
	if err != nil {
		id.warned.Do(func() { s.m.tell(context.WithoutCancel(s.context()), err.Error()) })
	}
	return err
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
