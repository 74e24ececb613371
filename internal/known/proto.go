package known

import (
	"errors"
	"reflect"

	"github.com/reecho-go/reecho/internal/panics"
)

// IsProto reports whether t is a pointer to a message of Protocol Buffers, by
// the name of what its ProtoReflect returns: their library is not imported here.
func IsProto(t reflect.Type) bool {
	m, ok := t.MethodByName("ProtoReflect")
	return ok && t.Kind() == reflect.Pointer && m.Type.NumIn() == 1 && m.Type.NumOut() == 1 &&
		m.Type.Out(0).PkgPath() == "google.golang.org/protobuf/reflect/protoreflect" && m.Type.Out(0).Name() == "Message"
}

// reflects reports whether t has a method ProtoReflect.
func reflects(t reflect.Type) bool {
	_, ok := t.MethodByName("ProtoReflect")
	return ok
}

var errNoMerge = errors.New("its library cannot copy this message: set Funcs.Clone to proto.CloneOf")

// CloneProto returns a deep copy of the message m, which is not nil, as
// proto.Clone makes it: an empty message into which m is merged.
func CloneProto(m reflect.Value) (out reflect.Value, err error) {
	err = panics.Catch(func() error {
		from := m.MethodByName("ProtoReflect").Call(nil)[0]
		to := from.MethodByName("New").Call(nil)[0]
		merge := method(to, "Merge")
		if !merge.IsValid() {
			return errNoMerge
		}
		in := reflect.New(merge.Type().In(0)).Elem()
		in.FieldByName("Source").Set(from)
		in.FieldByName("Destination").Set(to)
		const mergeComplete = 1
		if merge.Call([]reflect.Value{in})[0].FieldByName("Flags").Uint()&mergeComplete == 0 {
			return errNoMerge
		}
		out = to.MethodByName("Interface").Call(nil)[0].Elem()
		if out.Type() != m.Type() {
			return errNoMerge
		}
		return nil
	})
	return out, err
}

// ProtoSize returns the length of the wire format of the message m, or 0.
func ProtoSize(m reflect.Value) (n int64) {
	_ = panics.Catch(func() error {
		from := m.MethodByName("ProtoReflect").Call(nil)[0]
		if size := method(from, "Size"); size.IsValid() {
			in := reflect.New(size.Type().In(0)).Elem()
			in.FieldByName("Message").Set(from)
			n = size.Call([]reflect.Value{in})[0].FieldByName("Size").Int()
		}
		return nil
	})
	return n
}

// method returns a function of the fast paths of a protoreflect.Message, or
// the zero Value.
func method(m reflect.Value, name string) reflect.Value {
	methods := m.MethodByName("ProtoMethods").Call(nil)[0]
	if methods.IsNil() {
		return reflect.Value{}
	}
	f := methods.Elem().FieldByName(name)
	if f.IsNil() {
		return reflect.Value{}
	}
	return f
}
