package copiermap

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/jinzhu/copier"

	"github.com/reecho-go/reecho/internal/clone"
)

var (
	scannerType = reflect.TypeFor[sql.Scanner]()
	valuerType  = reflect.TypeFor[driver.Valuer]()
)

// judgement walks a type as copier would and lists what it would get wrong.
type judgement struct {
	opt        copier.Option
	converters map[reflect.Type]bool // types that a converter of the caller copies
	done       map[clone.Node]bool
	errs       []error
}

// judge returns what copier gets wrong in values of root's type.
func judge(root clone.Node, opt copier.Option) error {
	j := judgement{opt: opt, converters: map[reflect.Type]bool{}, done: map[clone.Node]bool{}}
	for _, c := range opt.Converters {
		if t := reflect.TypeOf(c.SrcType); t != nil && t == reflect.TypeOf(c.DstType) {
			j.converters[t] = true
		}
	}
	path := root.Type().String()
	if len(opt.FieldNameMapping) > 0 {
		j.refuse(path, root, "Option.FieldNameMapping moves fields, which a copy must not")
	}
	switch kind := root.Type().Kind(); {
	case root.Opaque():
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

func (j *judgement) refuse(path string, n clone.Node, reason string) {
	j.errs = append(j.errs, &clone.TypeError{Path: path, Type: n.Type(), Reason: "copier.CopyWithOption: " + reason})
}

// value judges what copier's set does with a field or an element.
func (j *judgement) value(path string, n clone.Node) {
	t := n.Type()
	switch k := t.Kind(); {
	case j.converters[t]:
	case n.Opaque():
		j.refuse(path, n, "what its private fields refer to is shared")
	case k == reflect.Interface:
		j.refuse(path, n, "what an interface holds is shared, or lost")
	case k == reflect.Pointer && n.Flat():
		j.refuse(path, n, "a value with an identity gets a second one")
	case k == reflect.Struct && n.Flat():
		j.contents(path, n)
	case n.Flat():
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

func (j *judgement) pointer(path string, n clone.Node) {
	switch e := n.Elem().Type(); {
	case n.Deep():
		j.refuse(path, n, "a cycle is followed until the stack overflows")
	case n.Tracked():
		j.refuse(path, n, "a shared target becomes several")
	case n.Type().Implements(valuerType):
		j.refuse(path, n, "a driver.Valuer without a value becomes a nil pointer")
	case e.Kind() == reflect.Slice || e.Kind() == reflect.Map:
		j.refuse(path, n, "a nil slice or map behind a pointer becomes empty")
	default:
		j.value(path, n.Elem())
	}
}

// contents judges the parts of a struct, slice or map that copier enters.
func (j *judgement) contents(path string, n clone.Node) {
	if j.done[n] {
		return
	}
	j.done[n] = true
	switch n.Type().Kind() {
	case reflect.Slice:
		if n.Deep() {
			j.refuse(path, n, "a cycle is followed until the stack overflows")
			return
		}
		j.element(path+"[]", n.Elem())
	case reflect.Map:
		switch {
		case n.Deep():
			j.refuse(path, n, "a cycle is followed until the stack overflows")
			return
		case n.Tracked():
			j.refuse(path, n, "a shared map becomes several")
		}
		if k := n.Key().Type().Kind(); !n.Key().Flat() || k == reflect.Struct || k == reflect.Pointer || k == reflect.Interface {
			j.refuse(path+"[key]", n.Key(), "a map key must be a plain value")
		}
		if hasFloats(n.Key().Type()) {
			j.refuse(path+"[key]", n.Key(), "the value of a NaN key is lost")
		}
		if n.Elem().Type().Kind() == reflect.Pointer {
			j.refuse(path+"[]", n.Elem(), "a nil pointer in a map becomes a pointer to zero")
			return
		}
		j.element(path+"[]", n.Elem())
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
func (j *judgement) element(path string, n clone.Node) {
	if k := n.Type().Kind(); !n.Flat() && !j.converters[n.Type()] && (k == reflect.Slice || k == reflect.Map) {
		j.refuse(path, n, "a nil slice or map that is an element becomes empty")
		return
	}
	j.value(path, n)
}

func (j *judgement) structure(path string, n clone.Node) {
	for i, e := range n.Fields() {
		f := n.Type().Field(i)
		at := path + "." + e.Name
		if !f.IsExported() {
			if !e.Node.Flat() {
				j.refuse(at, e.Node, "the references of unexported fields are shared")
			}
			continue
		}
		if k := f.Type.Kind(); !e.Node.Flat() && !j.opt.IgnoreEmpty && !j.converters[f.Type] && (k == reflect.Slice || k == reflect.Map) {
			j.refuse(at, e.Node, "a nil slice or map becomes empty; set Option.IgnoreEmpty")
		}
		j.tag(at, e.Node, f.Tag.Get("copier"))
		j.value(at, e.Node)
	}
	all := names(n.Type(), map[reflect.Type]bool{})
	slices.Sort(all)
	for _, name := range slices.Compact(all) {
		j.name(path+"."+name, n, name)
	}
}

// tag judges a copier tag, which is made for mapping into another type.
func (j *judgement) tag(path string, n clone.Node, tag string) {
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
func (j *judgement) name(path string, n clone.Node, name string) {
	find := func(s string) bool { return strings.EqualFold(s, name) }
	if j.opt.CaseSensitive {
		find = func(s string) bool { return s == name }
	}
	from, known := n.Type().FieldByName(name)
	to, found := n.Type().FieldByNameFunc(find)
	if known && (!found || !slices.Equal(from.Index, to.Index)) {
		j.refuse(path, n, "the field is not found alone by its name in any case; set Option.CaseSensitive")
	}
	if m, ok := reflect.PointerTo(n.Type()).MethodByName(name); ok && found && m.Type.NumIn() == 1 && m.Type.NumOut() == 1 {
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
	for f := range t.Fields() {
		if f.IsExported() {
			all = append(all, f.Name)
			if f.Anonymous {
				all = append(all, names(f.Type, seen)...)
			}
		}
	}
	return all
}
