package copiermap

import (
	"database/sql/driver"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"

	"github.com/jinzhu/copier"
)

// LossError says that a number of the source does not fit into its place in the
// destination: it is too large or negative, has a fraction or more digits than the
// type keeps, or would become a letter of a string. Rounding a float64 to a
// float32 is no loss.
type LossError struct {
	Path  string       // the place in the source, such as User.Age
	Value any          // what stands there
	Type  reflect.Type // what it should have become
}

// Error names the place, the value and the way out.
func (e *LossError) Error() string {
	return fmt.Sprintf("copiermap: %s is %v, which does not fit into a %v: use a larger type, or a converter", e.Path, e.Value, e.Type)
}

// lost compares *dst with src, from which copier has set it, and returns a
// [*LossError] for the first number that is another one now.
func lost(dst, src reflect.Value, opt copier.Option) error {
	l := losses{opt: opt, converted: map[[2]reflect.Type]bool{}}
	for _, c := range opt.Converters {
		l.converted[[2]reflect.Type{reflect.TypeOf(c.DstType), reflect.TypeOf(c.SrcType)}] = true
	}
	root := src.Type().Name()
	if root == "" {
		root = "the source"
	}
	l.walk(root, dst, src)
	if l.found == nil {
		return nil
	}
	return l.found
}

type losses struct {
	opt       copier.Option
	converted map[[2]reflect.Type]bool // destination and source of a converter of the caller
	found     *LossError
}

// walk looks for losses in what copier has put into dst from src. It may meet
// pairs that copier did not: a loss is only what a conversion would have made.
func (l *losses) walk(path string, dst, src reflect.Value) {
	for {
		if l.found != nil || !dst.IsValid() || !src.IsValid() || dst.Type() == src.Type() || l.converted[[2]reflect.Type{dst.Type(), src.Type()}] {
			return
		}
		if v, ok := valueOf(src); ok {
			src = v
		} else if v, ok := valueOf(dst); ok {
			l.scanned(path, dst, v, src)
			return
		} else if k := src.Kind(); k == reflect.Pointer || k == reflect.Interface {
			src = src.Elem()
		} else if k := dst.Kind(); k == reflect.Pointer || k == reflect.Interface {
			dst = dst.Elem()
		} else {
			break
		}
	}
	switch from, to := src.Kind(), dst.Kind(); {
	case number(src) != nil || isNaN(src):
		l.number(path, dst, src)
	case from == reflect.Struct && to == reflect.Struct:
		l.fields(path, dst, src)
	case from == reflect.Slice && to == reflect.Slice:
		for i := range min(src.Len(), dst.Len()) {
			l.walk(fmt.Sprintf("%s[%d]", path, i), dst.Index(i), src.Index(i))
		}
	case from == reflect.Struct && to == reflect.Slice && dst.Len() > 0:
		l.walk(path, dst.Index(0), src)
	case from == reflect.Map && to == reflect.Map:
		for it := src.MapRange(); it.Next(); {
			key := it.Key()
			if !key.CanConvert(dst.Type().Key()) {
				continue
			}
			as := key.Convert(dst.Type().Key())
			l.walk(path+"[key]", as, key)
			l.walk(fmt.Sprintf("%s[%v]", path, key), dst.MapIndex(as), it.Value())
		}
	}
}

// fields walks the fields of two structs that copier takes for counterparts.
func (l *losses) fields(path string, dst, src reflect.Value) {
	given, taken := fieldNames(src.Type()), fieldNames(dst.Type())
	mapping := map[string]string{}
	for _, m := range l.opt.FieldNameMapping {
		if reflect.TypeOf(m.SrcType) == src.Type() && reflect.TypeOf(m.DstType) == dst.Type() {
			mapping = m.Mapping
		}
	}
	for _, from := range given {
		for _, to := range taken {
			same := from.name == to.name || !l.opt.CaseSensitive && strings.EqualFold(from.name, to.name)
			if same || mapping[from.name] == to.name {
				l.walk(path+"."+from.name, field(dst, to.index), field(src, from.index))
			}
		}
	}
	for _, m := range methodNames(src.Type(), 1, 1) {
		method := method(src, m.name)
		if !method.IsValid() || !isNumber(method.Type().Out(0).Kind()) {
			continue
		}
		for _, to := range taken {
			if to.name == m.name && isNumber(base(to.typ).Kind()) {
				l.walk(path+"."+m.name+"()", field(dst, to.index), method.Call(nil)[0])
			}
		}
	}
}

// number notes the number src if it has become another one in dst.
func (l *losses) number(path string, dst, src reflect.Value) {
	switch k := dst.Kind(); {
	case k == reflect.String && !isFloat(src.Kind()):
		if src.Convert(dst.Type()).String() != dst.String() {
			return
		}
	case !isNumber(k), equal(dst, src):
		return
	case isFloat(k) && isFloat(src.Kind()) && !math.IsInf(dst.Float(), 0):
		return // rounded
	case !equal(dst, src.Convert(dst.Type())):
		return // it comes from elsewhere
	}
	l.note(path, dst.Type(), src)
}

// scanned notes src if dst, which has scanned it, has another value or none.
func (l *losses) scanned(path string, dst, v, src reflect.Value) {
	for src.Kind() == reflect.Pointer || src.Kind() == reflect.Interface {
		src = src.Elem()
	}
	if src.IsValid() && isNumber(src.Kind()) && !src.IsZero() && (!v.IsValid() || isNumber(v.Kind()) && !equal(v, src)) {
		l.note(path, dst.Type(), src)
	}
}

func (l *losses) note(path string, t reflect.Type, src reflect.Value) {
	e := &LossError{Path: path, Type: t}
	switch {
	case src.CanInterface():
		e.Value = src.Interface()
	case src.CanInt():
		e.Value = src.Int()
	case src.CanUint():
		e.Value = src.Uint()
	default:
		e.Value = src.Float()
	}
	l.found = e
}

// valueOf returns what a driver.Valuer has, which is what copier reads.
func valueOf(v reflect.Value) (_ reflect.Value, ok bool) {
	if k := v.Kind(); !v.CanInterface() || (k == reflect.Pointer || k == reflect.Interface) && v.IsNil() {
		return v, false
	}
	valuer, ok := reflect.TypeAssert[driver.Valuer](v)
	if !ok {
		return v, false
	}
	value, err := valuer.Value()
	return reflect.ValueOf(value), err == nil
}

// field is the field at index, or no value if a pointer on the way is nil.
func field(v reflect.Value, index []int) reflect.Value {
	f, err := v.FieldByIndexErr(index)
	if err != nil {
		return reflect.Value{}
	}
	return f
}

// method is the method of that name of v or, if it can be had, of its address.
func method(v reflect.Value, name string) reflect.Value {
	if !v.CanInterface() {
		return reflect.Value{}
	}
	if v.CanAddr() {
		v = v.Addr()
	}
	return v.MethodByName(name)
}

func base(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

func isFloat(k reflect.Kind) bool { return k == reflect.Float32 || k == reflect.Float64 }

func isNumber(k reflect.Kind) bool { return k >= reflect.Int && k <= reflect.Float64 }

func isNaN(v reflect.Value) bool { return v.CanFloat() && math.IsNaN(v.Float()) }

// equal reports whether two numbers are the same.
func equal(a, b reflect.Value) bool {
	if isNaN(a) || isNaN(b) {
		return isNaN(a) && isNaN(b)
	}
	return number(a).Cmp(number(b)) == 0
}

// number is the exact value of v, or nil if it is none, or NaN.
func number(v reflect.Value) *big.Float {
	switch {
	case v.CanInt():
		return new(big.Float).SetInt64(v.Int())
	case v.CanUint():
		return new(big.Float).SetUint64(v.Uint())
	case v.CanFloat() && !math.IsNaN(v.Float()):
		return big.NewFloat(v.Float())
	}
	return nil
}
