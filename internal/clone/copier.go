package clone

import (
	"cmp"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unsafe"

	"github.com/jinzhu/copier"
)

// WithCopier returns a function that copies values of V with copier, DeepCopy always on. Types without references
// are returned as they are. The error joins a [*TypeError] for each shape that copier would get wrong: it is refused here instead of changing
// or sharing data there. A nil slice or map becomes empty in copier unless opt.IgnoreEmpty is set, so slice and map fields need it.
// With opt.IgnoreEmpty a field of -0 becomes 0, since copier takes it for empty; the two are equal in Go.
//
// The function is safe for concurrent use as far as opt.Converters are. It is 10 to 100 times slower than a [Plan].
func WithCopier[V any](opt copier.Option) (func(V) (V, error), error) {
	copyTo, err := WithCopierOf(reflect.TypeFor[V](), opt)
	if err != nil {
		return nil, err
	}
	return func(v V) (out V, err error) {
		if err := copyTo(unsafe.Pointer(&out), unsafe.Pointer(&v)); err != nil {
			return *new(V), err
		}
		return out, nil
	}, nil
}

// WithCopierOf is [WithCopier] for a type that is known at run time only. The function makes what is at dst, which is zero, a
// copy of what is at src.
func WithCopierOf(t reflect.Type, opt copier.Option) (copyTo func(dst, src unsafe.Pointer) error, _ error) {
	u, err := ForType(t, Config{})
	if err != nil {
		return nil, err
	}
	opt.DeepCopy = true
	if u.Flat() && len(opt.Converters) == 0 {
		return u.CopyTo, nil
	}
	if err := judge(u.root, opt); err != nil {
		return nil, err
	}
	return func(dst, src unsafe.Pointer) error {
		if err := u.whole(src); err != nil {
			return err
		}
		v := reflect.NewAt(t, src)
		if r := v.Elem(); nilable(r.Kind()) && r.IsNil() {
			return nil
		}
		return runCopier(reflect.NewAt(t, dst).Interface(), v.Interface(), opt)
	}, nil
}

// Into maps src into *dst by field name with copier: its tags, converters and field-name mapping included. Give it a copy of your own: without opt.DeepCopy
// parts of src become parts of *dst. dst must be a pointer that is not nil, to a type in which something of src has a counterpart. A panic of copier or of a converter becomes an error.
// copier follows references without an end, so a value that is cyclic, or larger than a million references as a tree, is refused,
// and so are types that embed themselves or consist of pointers and slices alone.
func Into(dst, src any, opt copier.Option) error {
	to := reflect.ValueOf(dst)
	if to.Kind() != reflect.Pointer || to.IsNil() {
		return fmt.Errorf("clone: Into: destination is %T: use a pointer that is not nil", dst)
	}
	if !reflect.ValueOf(src).IsValid() {
		return errors.New("clone: Into: source is a nil interface: nothing can be mapped")
	}
	if bad := endless(to.Type()); bad != nil {
		return fmt.Errorf("clone: Into: destination %T: %w", dst, &endlessError{bad})
	}
	if err := boundTree(reflect.ValueOf(src)); err != nil {
		return err
	}
	if from := reflect.TypeOf(src); !counterpart(to.Type().Elem(), from, opt) {
		return fmt.Errorf("clone: Into: nothing of a %v has a counterpart in the destination %T: give it fields of the same names or types, copier tags, a converter or a field name mapping", from, dst)
	}
	return runCopier(dst, src, opt)
}

func runCopier(dst, src any, opt copier.Option) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("clone: copier panicked from %T to %T: %v", src, dst, r)
		}
	}()
	if err := copier.CopyWithOption(dst, src, opt); err != nil {
		return fmt.Errorf("clone: copier from %T to %T: %w", src, dst, err)
	}
	return nil
}

// Limits of what Into gives to copier.
const (
	treeNodes = 1_000_000
	treeDepth = 1_000
)

// boundTree walks v as copier does, every reference anew, and fails where copier would not come to an end.
func boundTree(v reflect.Value) error {
	bad := endless(v.Type())
	budget := treeNodes
	var walk func(v reflect.Value, depth int) bool
	walk = func(v reflect.Value, depth int) bool {
		if !v.IsValid() || !hasPointers(v.Type()) || v.Kind() == reflect.String {
			return true
		}
		if budget--; budget < 0 || depth > treeDepth {
			return false
		}
		switch v.Kind() {
		case reflect.Pointer:
			return walk(v.Elem(), depth+1)
		case reflect.Interface:
			if !v.IsNil() {
				bad = cmp.Or(bad, endless(v.Elem().Type()))
			}
			return walk(v.Elem(), depth+1)
		case reflect.Slice, reflect.Array:
			if !hasPointers(v.Type().Elem()) || v.Type().Elem().Kind() == reflect.String {
				return true
			}
			for i := range v.Len() {
				if !walk(v.Index(i), depth+1) {
					return false
				}
			}
		case reflect.Map:
			for it := v.MapRange(); it.Next(); {
				if !walk(it.Value(), depth+1) {
					return false
				}
			}
		case reflect.Struct:
			for i := range v.NumField() {
				if !walk(v.Field(i), depth+1) {
					return false
				}
			}
		}
		return true
	}
	whole := walk(v, 0)
	if bad != nil {
		return fmt.Errorf("clone: Into: source %s: %w", v.Type(), &endlessError{bad})
	}
	if !whole {
		return fmt.Errorf("clone: Into: source %s is cyclic, or deeper than %d or larger than %d references: copier would not come to an end", v.Type(), treeDepth, treeNodes)
	}
	return nil
}

func nilable(k reflect.Kind) bool {
	switch k {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface, reflect.Func, reflect.Chan:
		return true
	}
	return false
}

var (
	scannerType = reflect.TypeFor[sql.Scanner]()
	valuerType  = reflect.TypeFor[driver.Valuer]()
)

// judgement walks a type as copier would and lists what it would get wrong.
type judgement struct {
	opt        copier.Option
	converters map[reflect.Type]bool // types that a converter of the caller copies
	done       map[*node]bool
	errs       []error
}

// judge returns what copier gets wrong in values of root's type.
func judge(root *node, opt copier.Option) error {
	j := judgement{opt: opt, converters: map[reflect.Type]bool{}, done: map[*node]bool{}}
	for _, c := range opt.Converters {
		if t := reflect.TypeOf(c.SrcType); t != nil && t == reflect.TypeOf(c.DstType) {
			j.converters[t] = true
		}
	}
	path := root.typ.String()
	if len(opt.FieldNameMapping) > 0 {
		j.refuse(path, root, "Option.FieldNameMapping moves fields, which a copy must not")
	}
	switch kind := root.typ.Kind(); {
	case root.opaque:
		j.value(path, root)
	case kind == reflect.Pointer:
		j.refuse(path, root, "copier cannot make a pointer: use its element type")
	case kind == reflect.Struct || kind == reflect.Slice || kind == reflect.Map:
		j.contents(path, root)
	default:
		j.value(path, root)
	}
	return errors.Join(j.errs...)
}

func (j *judgement) refuse(path string, n *node, reason string) {
	j.errs = append(j.errs, &TypeError{Path: path, Type: n.typ, Reason: "copier.CopyWithOption: " + reason})
}

// value judges what copier's set does with a field or an element.
func (j *judgement) value(path string, n *node) {
	t := n.typ
	switch k := t.Kind(); {
	case j.converters[t]:
	case n.opaque:
		j.refuse(path, n, "what its private fields refer to is shared")
	case k == reflect.Interface:
		j.refuse(path, n, "what an interface holds is shared, or lost")
	case k == reflect.Pointer && n.flat:
		j.refuse(path, n, "a value with an identity gets a second one")
	case k == reflect.Struct && n.flat:
		j.contents(path, n)
	case n.flat:
	case k == reflect.Array:
		j.refuse(path, n, "the references in an array are shared")
	case reflect.PointerTo(t).Implements(scannerType):
		j.refuse(path, n, "a sql.Scanner is assigned, so what it refers to is shared")
	case k == reflect.Pointer:
		j.pointer(path, n)
	default:
		j.contents(path, n)
	}
}

func (j *judgement) pointer(path string, n *node) {
	switch e := n.elem.typ; {
	case n.deep:
		j.refuse(path, n, "a cycle is followed until the stack overflows")
	case n.tracked:
		j.refuse(path, n, "a shared target becomes several")
	case n.typ.Implements(valuerType):
		j.refuse(path, n, "a driver.Valuer without a value becomes a nil pointer")
	case e.Kind() == reflect.Slice || e.Kind() == reflect.Map:
		j.refuse(path, n, "a nil slice or map behind a pointer becomes empty")
	default:
		j.value(path, n.elem)
	}
}

// contents judges the parts of a struct, slice or map that copier enters.
func (j *judgement) contents(path string, n *node) {
	if j.done[n] {
		return
	}
	j.done[n] = true
	switch n.typ.Kind() {
	case reflect.Slice:
		if n.deep {
			j.refuse(path, n, "a cycle is followed until the stack overflows")
			return
		}
		j.element(path+"[]", n.elem)
	case reflect.Map:
		switch {
		case n.deep:
			j.refuse(path, n, "a cycle is followed until the stack overflows")
			return
		case n.tracked:
			j.refuse(path, n, "a shared map becomes several")
		}
		if k := n.key.typ.Kind(); !n.key.flat || k == reflect.Struct || k == reflect.Pointer || k == reflect.Interface {
			j.refuse(path+"[key]", n.key, "a map key must be a plain value")
		}
		if hasFloats(n.key.typ) {
			j.refuse(path+"[key]", n.key, "the value of a NaN key is lost")
		}
		if n.elem.typ.Kind() == reflect.Pointer {
			j.refuse(path+"[]", n.elem, "a nil pointer in a map becomes a pointer to zero")
			return
		}
		j.element(path+"[]", n.elem)
	case reflect.Struct:
		j.structure(path, n)
	}
}

// hasFloats reports whether a t that is a map key may be unequal to itself.
func hasFloats(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return hasFloats(t.Elem())
	case reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return true
	}
	return false
}

// element judges the element of a slice or map, where Option.IgnoreEmpty does not keep nil.
func (j *judgement) element(path string, n *node) {
	if k := n.typ.Kind(); !n.flat && !j.converters[n.typ] && (k == reflect.Slice || k == reflect.Map) {
		j.refuse(path, n, "a nil slice or map that is an element becomes empty")
		return
	}
	j.value(path, n)
}

func (j *judgement) structure(path string, n *node) {
	for i, e := range n.fields {
		f := n.typ.Field(i)
		at := path + "." + e.name
		if !f.IsExported() {
			if !e.to.flat {
				j.refuse(at, e.to, "the references of unexported fields are shared")
			}
			continue
		}
		if k := f.Type.Kind(); !e.to.flat && !j.opt.IgnoreEmpty && !j.converters[f.Type] && (k == reflect.Slice || k == reflect.Map) {
			j.refuse(at, e.to, "a nil slice or map becomes empty; set Option.IgnoreEmpty")
		}
		j.tag(at, e.to, f.Tag.Get("copier"))
		j.value(at, e.to)
	}
	all := names(n.typ, map[reflect.Type]bool{})
	slices.Sort(all)
	for _, name := range slices.Compact(all) {
		j.name(path+"."+name, n, name)
	}
}

// tag judges a copier tag, which is made for mapping into another type.
func (j *judgement) tag(path string, n *node, tag string) {
	for word := range strings.SplitSeq(tag, ",") {
		switch {
		case word == "" || word == "nopanic" || word == "must" && !j.opt.IgnoreEmpty:
		case word == "must":
			j.refuse(path, n, `the tag copier:"must" fails for a zero value under Option.IgnoreEmpty`)
		default:
			j.refuse(path, n, fmt.Sprintf("the tag copier:%q leaves the field out or moves it", word))
		}
	}
}

// name judges how copier finds the field of that name: in the source exactly, in the destination by case folding,
// and at last by the result of a method of that name.
func (j *judgement) name(path string, n *node, name string) {
	find := func(s string) bool { return strings.EqualFold(s, name) }
	if j.opt.CaseSensitive {
		find = func(s string) bool { return s == name }
	}
	from, known := n.typ.FieldByName(name)
	to, found := n.typ.FieldByNameFunc(find)
	if known && (!found || !slices.Equal(from.Index, to.Index)) {
		j.refuse(path, n, "the field is not found alone by its name in any case; set Option.CaseSensitive")
	}
	if m, ok := reflect.PointerTo(n.typ).MethodByName(name); ok && found && m.Type.NumIn() == 1 && m.Type.NumOut() == 1 {
		j.refuse(path, n, "the result of a method of that name overwrites the promoted field")
	}
}

// names lists the fields that copier handles in t: those that are exported, and those of exported embedded structs.
func names(t reflect.Type, seen map[reflect.Type]bool) []string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] {
		return nil
	}
	seen[t] = true
	var all []string
	for f := range fieldsOf(t) {
		if f.IsExported() {
			all = append(all, f.Name)
			if f.Anonymous {
				all = append(all, names(f.Type, seen)...)
			}
		}
	}
	return all
}
