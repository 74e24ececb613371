package canon_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/reecho-go/reecho/internal/canon"
	"github.com/reecho-go/reecho/internal/soaktest"
)

// must is the compiled plan of K.
func must[K any](t testing.TB, cfg canon.Config) *canon.Plan[K] {
	t.Helper()
	p, err := canon.For[K](cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// checkLaw checks the laws of keys on two values behind an interface.
func checkLaw(t testing.TB, plan *canon.Plan[any], a, b any) (same bool) {
	t.Helper()
	ka, errA := plan.Append(nil, &a)
	kb, errB := plan.Append(nil, &b)
	if errA != nil || errB != nil {
		for _, err := range []error{errA, errB} {
			if err != nil && !errors.Is(err, canon.ErrTooDeep) && !errors.Is(err, canon.ErrTooLarge) {
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
	_, ca, errA := plan.StoreName(a)
	if errA != nil || !bytes.HasSuffix(ca, ka) {
		t.Fatalf("StoreName identifies by %q (%v), Append by %q", ca, errA, ka)
	}
	return same
}

// TestK1_EqualKeysExactlyForEqualData checks the law on random types and values.
func TestK1_EqualKeysExactlyForEqualData(t *testing.T) {
	t.Parallel()
	plan := must[any](t, canon.Config{MaxBytes: 1 << 14})
	seed := soaktest.Seed()
	t.Logf("seed %d", seed) // shown when it fails
	rng := rand.New(rand.NewPCG(seed, 2))
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
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

// FuzzCanon takes a type and two values of it from the input.
func FuzzCanon(f *testing.F) {
	f.Add([]byte("\x05\x03\x00\x01"), []byte("abc"), []byte("abd"))
	f.Fuzz(func(t *testing.T, typ, a, b []byte) {
		if len(typ) > 200 || len(a) > 200 || len(b) > 200 {
			t.Skip("enough for every decision")
		}
		plan := must[any](t, canon.Config{MaxBytes: 1 << 14})
		kt := (&source{data: typ}).typ(3)
		checkLaw(t, plan, value(kt, a), value(kt, b))
		checkLaw(t, plan, value(kt, a), reversed(kt, a))
	})
}
