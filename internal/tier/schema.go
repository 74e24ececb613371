package tier

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"reflect"
)

// schemaOf returns a fingerprint of the names, kinds, fields and tags of the types and
// of all types in them. A record with another fingerprint is not decoded. It is the same
// in each process of one program.
func schemaOf(version string, types ...reflect.Type) uint64 {
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", version)
	seen := make(map[reflect.Type]int)
	for _, t := range types {
		writeSchema(h, t, seen)
	}
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// kindOf returns a fingerprint of the codec and the schema of results.
func kindOf(codec string, schema uint64) uint64 {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(codec), schema))
	return binary.BigEndian.Uint64(sum[:])
}

func writeSchema(h io.Writer, t reflect.Type, seen map[reflect.Type]int) {
	if n, ok := seen[t]; ok {
		fmt.Fprintf(h, "again %d\n", n)
		return
	}
	seen[t] = len(seen)
	fmt.Fprintf(h, "%s %q %q\n", t.Kind(), t.PkgPath(), t.String())
	switch t.Kind() {
	case reflect.Array:
		fmt.Fprintf(h, "%d\n", t.Len())
		writeSchema(h, t.Elem(), seen)
	case reflect.Pointer, reflect.Slice:
		writeSchema(h, t.Elem(), seen)
	case reflect.Map:
		writeSchema(h, t.Key(), seen)
		writeSchema(h, t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			fmt.Fprintf(h, "%q %q %v\n", f.Name, f.Tag, f.Anonymous)
			writeSchema(h, f.Type, seen)
		}
	}
}
