package clone_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/jinzhu/copier"

	"github.com/reecho-go/reecho/cachedata/copiermap"
	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/internal/soaktest"
)

var errSentinel = errors.New("sentinel")

type privateError struct{ codes []int }

func (e *privateError) Error() string { return fmt.Sprint(e.codes) }

// checkRandom copies one random value of one random type, by the plan of its static type and by that of any.
func checkRandom(t *testing.T, r *rand.Rand) {
	t.Helper()
	typ := randomType(r, 4)
	v := randomValue(r, typ, floats...)
	plan, err := clone.ForType(typ, clone.Config{})
	if err != nil {
		t.Fatalf("%s: %v", typ, err)
	}
	got := reflect.New(typ)
	if err := plan.CopyTo(got.UnsafePointer(), v.Addr().UnsafePointer()); err != nil {
		t.Fatalf("%s: %v", typ, err)
	}
	checkCopy(t, got.Elem(), v)

	p, err := clone.For[any](clone.Config{})
	if err != nil {
		t.Fatal(err)
	}
	boxed := v.Interface()
	gotAny, err := p.Copy(boxed)
	if err != nil {
		t.Fatalf("any(%s): %v", typ, err)
	}
	checkCopy(t, reflect.ValueOf(&gotAny).Elem(), reflect.ValueOf(&boxed).Elem())
	if size := p.Size(boxed); size < int64(typ.Size()) && size < 16 {
		t.Fatalf("%s: Size is %d", typ, size)
	}
}

func TestRandomValuesOfRandomTypes(t *testing.T) {
	t.Parallel()
	seed := soaktest.Seed()
	t.Logf("seed %d", seed) // shown when it fails
	for round := range soaktest.Rounds(4000) {
		checkRandom(t, rand.New(rand.NewPCG(uint64(round), seed)))
	}
}

// source makes the decisions of a random generator from bytes, one for each, so that a fuzzer can change a single one.
// When they run out it goes on at random, always the same.
type source struct {
	data []byte
	rest rand.Source
}

func (s *source) Uint64() uint64 {
	if len(s.data) == 0 {
		return s.rest.Uint64()
	}
	b := uint64(s.data[0])
	s.data = s.data[1:]
	return b * 0x0101010101010101
}

// FuzzCopy takes a type and a value of it from the input.
func FuzzCopy(f *testing.F) {
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1000 {
			t.Skip("enough for every decision")
		}
		checkRandom(t, rand.New(&source{data, rand.NewPCG(1, uint64(len(data)))}))
	})
}

// A random type that the engine of copiermap accepts is one that copier copies right.
func TestCopierIsRightForRandomTypesThatAreAccepted(t *testing.T) {
	t.Parallel()
	seed := soaktest.Seed()
	t.Logf("seed %d", seed) // shown when it fails
	acceptedTypes, rounds := 0, soaktest.Rounds(6000)
	for round := range rounds {
		r := rand.New(rand.NewPCG(uint64(round), seed))
		typ := randomType(r, 3)
		opt := copier.Option{DeepCopy: true, IgnoreEmpty: round%2 == 0, CaseSensitive: round%3 == 0}
		if typ.Kind() == reflect.Interface {
			continue
		}
		copyTo, err := copiermap.Engine(opt)(typ)
		if err != nil {
			continue
		}
		special := floats
		if opt.IgnoreEmpty {
			special = floats[:3] // without -0, which becomes 0, as copiermap.Engine says
		}
		v := randomValue(r, typ, special...)
		if k := typ.Kind(); (k == reflect.Slice || k == reflect.Map) && v.IsNil() {
			continue // the engine answers these itself
		}
		acceptedTypes++
		got := reflect.New(typ)
		if err := copyTo(got.Elem(), v); err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		checkCopy(t, got.Elem(), v)
	}
	if acceptedTypes < rounds/12 {
		t.Errorf("only %d types were accepted", acceptedTypes)
	}
}
