// Package known decides how a type with private data may be copied and compared:
// field by field, by its own methods, or not at all.
//
// Data is private if it is in fields that other packages cannot name. It contains
// references if there is a pointer, an interface, a function, a channel, an
// unsafe.Pointer or a uintptr in it. The type of such a field does not tell its
// meaning: a *byte may be the first byte of a string, the address of a variable
// may be the sign of a number, and a list may point back to itself. So the fields
// are copied and compared only for types that are known to be plain data:
//
//   - Types of the program itself are plain data: their author decides how
//     they are cached.
//   - Types of the standard library are in a table that a test holds against
//     the release that is installed. What is not in it is refused.
//   - Types of other modules that have private references are copied and
//     compared by their own methods (encoding.BinaryMarshaler, gob.GobEncoder, or
//     as a message of Protocol Buffers), or by a table of types that the tests of
//     cachedata/contracts check. All others are refused, unless Config.Trusted
//     names them.
package known

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// Way is how values of a type are copied and compared.
type Way uint8

const (
	// Structure is plain data: its memory is its content.
	Structure Way = iota
	// Assign is data whose references lead to what nobody changes: a copy is
	// made by assignment.
	Assign
	// Share is Assign for types of which pointers are compared: a pointer to
	// such a value is shared, too.
	Share
	// Clone is copied by the method Clone, which is known to be deep.
	Clone
	// Binary is copied and compared by the encoding that the type has for
	// itself: MarshalBinary and UnmarshalBinary.
	Binary
	// Gob is the same by GobEncode and GobDecode.
	Gob
	// Proto is a message of Protocol Buffers, which is used by pointer.
	Proto
	// Special needs code of its own: strings.Builder and slog.Value.
	Special
	// Refuse is everything else; see [Fact.Reason].
	Refuse
)

// Fact is what is known of a type.
type Fact struct {
	Way     Way
	Pointer bool   // Binary, Gob, Clone: the methods are those of the pointer, so the value must be reached by one
	Reason  string // Refuse: why
	Key     Key
}

// Key is how values of a type are compared that is neither plain data nor has
// an encoding.
type Key uint8

const (
	// None identifies nothing.
	None Key = iota
	// Memory is compared as if it were plain data.
	Memory
	// Singleton is the only value of its type.
	Singleton
)

// Types knows types, and which ones the program trusts. It is safe for
// concurrent use.
type Types struct {
	trusted  map[reflect.Type]bool
	packages map[string]bool // of trusted types: what is private there is theirs
	facts    sync.Map        // reflect.Type -> Fact
}

// New returns what is known if the program trusts these types and pointers to them.
func New(trusted []reflect.Type) *Types {
	ts := &Types{trusted: map[reflect.Type]bool{}, packages: map[string]bool{}}
	for _, t := range trusted {
		t = pointedTo(t)
		ts.packages[t.PkgPath()] = true
		ts.trust(t)
	}
	return ts
}

// Check reports what is wrong with a list of types to be trusted, which is in
// the field of that name.
func Check(field string, trusted []reflect.Type) error {
	var errs []error
	for i, t := range trusted {
		switch base := pointedTo(t); {
		case t == nil:
			errs = append(errs, fmt.Errorf("%s[%d] is nil: name a type with reflect.TypeFor", field, i))
		case base.PkgPath() == "" || base.Kind() == reflect.Interface:
			errs = append(errs, fmt.Errorf("%s[%d] is %s: name the types that such values are of", field, i, t))
		case originOf(base.PkgPath()) == standard:
			errs = append(errs, fmt.Errorf("%s[%d] is %s: what is known of the types of the standard library does not change: leave it out", field, i, t))
		}
	}
	return errors.Join(errs...)
}

// pointedTo returns what a pointer type leads to, and other types as they are.
func pointedTo(t reflect.Type) reflect.Type {
	if t != nil && t.Kind() == reflect.Pointer && t.Name() == "" {
		return t.Elem()
	}
	return t
}

// trust adds t and all types of other modules that it consists of: who vouches
// for a value vouches for what is in it.
func (ts *Types) trust(t reflect.Type) {
	if ts.trusted[t] {
		return
	}
	if t.PkgPath() != "" && originOf(t.PkgPath()) != standard {
		ts.trusted[t] = true
	} else if t.Name() != "" {
		return
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		ts.trust(t.Elem())
	case reflect.Map:
		ts.trust(t.Key())
		ts.trust(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			ts.trust(t.Field(i).Type)
		}
	}
}

// Of returns what is known of t, a type that is no pointer to another: ask for
// the type that it points to.
func (ts *Types) Of(t reflect.Type) Fact {
	if f, ok := ts.facts.Load(t); ok {
		return f.(Fact)
	}
	f := ts.find(t)
	ts.facts.Store(t, f)
	return f
}

// Owns reports whether t, or what it points to, is a type whose methods may be
// believed to do what their names say: of the program itself, or trusted.
func (ts *Types) Owns(t reflect.Type) bool {
	t = pointedTo(t)
	return originOf(t.PkgPath()) == own || ts.trusts(t)
}

// Standard reports whether t is declared by the standard library.
func Standard(t reflect.Type) bool { return originOf(t.PkgPath()) == standard }

// Foreign reports whether t is declared by a module that is not of the program itself.
func Foreign(t reflect.Type) bool { return originOf(t.PkgPath()) == foreign }

func (ts *Types) trusts(t reflect.Type) bool {
	return ts.trusted[t] || ts.packages[t.PkgPath()] && !exported(t.Name())
}

func (ts *Types) find(t reflect.Type) Fact {
	if f, ok := table[tableName(t)]; ok {
		return f
	}
	if t.Kind() != reflect.Struct {
		return Fact{}
	}
	if IsProto(reflect.PointerTo(t)) && !promotes(t, reflects) {
		return Fact{Way: Proto, Pointer: true}
	}
	from := originOf(packageOf(t))
	if from == own || ts.trusts(t) {
		return Fact{}
	}
	where := privateReference(t)
	switch {
	case where == "":
		return Fact{}
	case from == standard:
		return Fact{Way: Refuse, Reason: "what its private field " + where + " means is not known outside of the standard library"}
	}
	if f, ok := encodes(t); ok {
		return f
	}
	reason := "it is of another module, its private field " + where + " refers to something, and it has no encoding of its own (MarshalBinary and UnmarshalBinary, or GobEncode and GobDecode): " +
		"name it in Config.Trusted if that is plain data"
	if t.Name() != "" {
		if _, ok := reflect.PointerTo(t).MethodByName("Clone"); ok {
			reason += ", or if its method Clone copies all of it and only reads"
		}
	}
	return Fact{Way: Refuse, Reason: reason}
}

// tableName is the name under which t may be in the table: without the
// arguments of a generic type.
func tableName(t reflect.Type) string {
	name, _, _ := strings.Cut(t.Name(), "[")
	if name == "" || t.PkgPath() == "" {
		return ""
	}
	return t.PkgPath() + "." + name
}

// packageOf returns the package in which the fields of the struct t are
// declared. That of its name may be another: type mine theirs.T.
func packageOf(t reflect.Type) string {
	for i := range t.NumField() {
		if f := t.Field(i); f.PkgPath != "" {
			return f.PkgPath
		}
	}
	return t.PkgPath()
}

func exported(name string) bool { return name != "" && 'A' <= name[0] && name[0] <= 'Z' }
