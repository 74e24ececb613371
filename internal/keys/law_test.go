package keys_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/mitchellh/hashstructure/v2"

	"github.com/reecho-go/reecho/internal/keys"
	"github.com/reecho-go/reecho/internal/soaktest"
)

// must is the compiled plan of K.
func must[K any](t testing.TB, cfg keys.Config) typedPlan[K] {
	t.Helper()
	return typedPlan[K]{mustCompile(t, reflect.TypeFor[K](), cfg)}
}

// checkLaw checks the laws of keys on two values behind an interface.
func checkLaw(t testing.TB, plan typedPlan[any], a, b any) (same bool) {
	t.Helper()
	ka, errA := plan.Append(nil, &a)
	kb, errB := plan.Append(nil, &b)
	if errA != nil || errB != nil {
		for _, err := range []error{errA, errB} {
			if err != nil && !errors.Is(err, keys.ErrTooDeep) && !errors.Is(err, keys.ErrTooLarge) {
				t.Fatalf("Append: %v", err)
			}
		}
		return false
	}
	same = equal(a, b)
	if got := bytes.Equal(ka, kb); got != same {
		t.Fatalf("canonical bytes are equal: %v, the values are equal: %v\n a: %T %#v\n b: %T %#v\n%q\n%q", got, same, a, a, b, b, ka, kb)
	}
	fa, errA := plan.Fingerprint(a)
	fb, errB := plan.Fingerprint(b)
	if errA != nil || errB != nil {
		t.Fatalf("Fingerprint: %v, %v\n a: %T %#v\n b: %T %#v", errA, errB, a, a, b, b)
	}
	if same && fa != fb {
		t.Fatalf("equal values have fingerprints %x and %x\n a: %#v\n b: %#v", fa, fb, a, b)
	}
	return same
}

// drawn returns the random numbers of a test, and random bytes of them.
func drawn(t *testing.T, stream uint64) (rng *rand.Rand, random func(n int) []byte) {
	t.Helper()
	seed := soaktest.Seed()
	t.Logf("seed %d", seed) // shown when it fails
	rng = rand.New(rand.NewPCG(seed, stream))
	return rng, func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
}

// TestEqualKeysExactlyForEqualData checks the law on random types and values.
func TestEqualKeysExactlyForEqualData(t *testing.T) {
	t.Parallel()
	plan := must[any](t, keys.Config{MaxBytes: 1 << 14})
	rng, random := drawn(t, 2)
	rounds := soaktest.Rounds(1000)
	var same, different int
	for range rounds {
		typ := (&source{data: random(60)}).typ(3)
		for range 10 {
			da := random(rng.IntN(40))
			db := bytes.Clone(da)
			switch rng.IntN(3) {
			case 0:
				db = random(rng.IntN(40))
			case 1:
				if len(db) > 0 {
					db[rng.IntN(len(db))] = byte(rng.Uint32())
				}
			}
			if checkLaw(t, plan, value(typ, da), value(typ, db)) {
				same++
			} else {
				different++
			}
			checkLaw(t, plan, value(typ, da), reversed(typ, da))
		}
		checkLaw(t, plan, value(typ, random(20)), value((&source{data: random(60)}).typ(2), random(20)))
	}
	if same < rounds || different < rounds {
		t.Errorf("the generator made %d equal and %d different pairs, too few of one kind", same, different)
	}
}

// checkHashes checks a law against hashstructure itself: equal values have
// equal hashes, and its hash is the fingerprint, where it has a sound answer.
func checkHashes(t testing.TB, plan typedPlan[any], a, b any) (checked bool) {
	t.Helper()
	if !equal(a, b) || !sound(reflect.ValueOf(&a).Elem(), nil) || !sound(reflect.ValueOf(&b).Elem(), nil) {
		return false
	}
	ha, errA := hashstructure.Hash(a, hashstructure.FormatV2, nil)
	hb, errB := hashstructure.Hash(b, hashstructure.FormatV2, nil)
	if errA != nil || errB != nil || ha != hb {
		t.Fatalf("equal values have the hashes %x (%v) and %x (%v)\n a: %T %#v\n b: %#v", ha, errA, hb, errB, a, a, b)
	}
	if f, err := plan.Fingerprint(a); err != nil || f != ha {
		t.Fatalf("the fingerprint of %T %#v is %x (%v), its hash %x", a, a, f, err, ha)
	}
	return true
}

// sound reports whether hashstructure has one answer for v: it has none for
// some kinds and for cycles, several for NaN, and takes forever for long lists
// without data.
func sound(v reflect.Value, path []step) bool {
	switch v.Kind() {
	case reflect.Uintptr, reflect.Complex128:
		return false
	case reflect.Float32, reflect.Float64:
		return !math.IsNaN(v.Float())
	case reflect.Complex64:
		return !math.IsNaN(real(v.Complex())) && !math.IsNaN(imag(v.Complex()))
	case reflect.Interface:
		return v.IsNil() || sound(addressable(v.Elem()), path)
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if v.IsNil() {
			break
		}
		here := step{t: v.Type(), p: v.UnsafePointer()}
		if v.Kind() == reflect.Slice {
			here.len = v.Len()
		}
		if index(path, here) > 0 {
			return false
		}
		path = append(path[:len(path):len(path)], here)
	}
	switch v.Kind() {
	case reflect.Pointer:
		return v.IsNil() || sound(v.Elem(), path)
	case reflect.Slice, reflect.Array:
		if empty(v.Type().Elem()) {
			return false
		}
		for i := range v.Len() {
			if !sound(v.Index(i), path) {
				return false
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if !sound(addressable(it.Key()), path) || !sound(addressable(it.Value()), path) {
				return false
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Tag.Get("hash") != "ignore" && !sound(v.Field(i), path) {
				return false
			}
		}
	}
	return true
}

// empty reports whether values of t have no data.
func empty(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return t.Len() == 0 || empty(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.Name != "_" && f.Tag.Get("hash") != "ignore" && !empty(f.Type) {
				return false
			}
		}
		return true
	}
	return false
}

func TestEqualKeysHaveEqualHashesOfHashstructure(t *testing.T) {
	t.Parallel()
	plan := must[any](t, keys.Config{MaxBytes: 1 << 14})
	rng, random := drawn(t, 3)
	rounds, checked := soaktest.Rounds(4000), 0
	for range rounds {
		typ, data := (&source{data: random(60)}).typ(3), random(rng.IntN(40))
		if checkHashes(t, plan, value(typ, data), reversed(typ, data)) {
			checked++
		}
	}
	if checked < rounds/4 {
		t.Errorf("hashstructure had a sound answer in %d of %d rounds only", checked, rounds)
	}
}

// FuzzCanon takes a type and two values of it from the input.
func FuzzCanon(f *testing.F) {
	f.Add([]byte("\x05\x03\x00\x01"), []byte("abc"), []byte("abd"))
	f.Fuzz(func(t *testing.T, typ, a, b []byte) {
		if len(typ) > 200 || len(a) > 200 || len(b) > 200 {
			t.Skip("enough for every decision")
		}
		plan := must[any](t, keys.Config{MaxBytes: 1 << 14})
		kt := (&source{data: typ}).typ(3)
		checkLaw(t, plan, value(kt, a), value(kt, b))
		checkLaw(t, plan, value(kt, a), reversed(kt, a))
		checkHashes(t, plan, value(kt, a), reversed(kt, a))
	})
}
