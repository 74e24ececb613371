package boltstore_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/boltstore"
)

// value is what stands under key i: it says so itself, at any length.
func value(i int) string { return strings.Repeat(fmt.Sprintf("value %d;", i), 1+i%200) }

// filled makes a file of 500 values, some of which have been deleted again, so
// that all kinds of pages are there.
func filled(t *testing.T) []byte {
	t.Helper()
	path := inFile(t)
	s, err := boltstore.New(path, boltstore.Config{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 500 {
		put(t, s, fmt.Sprint(i), value(i), time.Time{})
	}
	for i := range 500 {
		if key := fmt.Sprint(i); strings.HasPrefix(key, "3") {
			if err := s.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
	}
	closed(t, s)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// damage changes a file, each kind in its turn.
func damage(rng *rand.Rand, b []byte, kind int) []byte {
	b = append([]byte(nil), b...)
	page := func() int { return rng.IntN(len(b)/4096) * 4096 }
	switch kind % 9 {
	case 0: // one bit
		b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
	case 1: // some bytes
		for range 20 {
			b[rng.IntN(len(b))] = byte(rng.Uint32())
		}
	case 2: // a page of zeros
		clear(b[page():][:4096])
	case 3: // two pages exchanged
		one, other := page(), page()
		for i := range 4096 {
			b[one+i], b[other+i] = b[other+i], b[one+i]
		}
	case 4: // cut off
		b = b[:rng.IntN(len(b))]
	case 5: // the header of a page
		b[page()+rng.IntN(16)] = byte(rng.Uint32())
	case 6: // a page that leads to itself or elsewhere
		binary.NativeEndian.PutUint64(b[page()+24:], uint64(rng.IntN(len(b)/4096)))
	case 8: // one of the two pages that begin the file
		b[rng.IntN(2)*4096+rng.IntN(80)] ^= 1 << rng.IntN(8)
	case 7: // a page of noise
		for at, i := page(), 0; i < 4096; i++ {
			b[at+i] = byte(rng.Uint32())
		}
	}
	return b
}

// rightOrAbsent demands that no value is another one, and that the store can be
// used.
func rightOrAbsent(t *testing.T, s *boltstore.Store, what string) (there int) {
	t.Helper()
	for i := range 500 {
		it, err := s.Get(t.Context(), fmt.Sprint(i))
		switch {
		case err == nil && string(it.Value) == value(i) && !strings.HasPrefix(fmt.Sprint(i), "3"):
			there++
		case err == nil:
			t.Fatalf("%s: Get(%d) = %.40q", what, i, it.Value)
		case !errors.Is(err, store.ErrNotFound) && !errors.Is(err, boltstore.ErrDamaged):
			t.Fatalf("%s: Get(%d): %v", what, i, err)
		}
	}
	put(t, s, "new", "1", time.Time{})
	if it, err := s.Get(t.Context(), "new"); err != nil || string(it.Value) != "1" {
		t.Fatalf("%s: what is new is %q, %v", what, it.Value, err)
	}
	return there
}

// A damaged file is either moved aside or not hurt where it matters.
func TestADamagedFileIsReplacedAndNothingWrongIsServed(t *testing.T) {
	t.Parallel()
	whole := filled(t)
	seed := soaktest.Seed()
	rng := rand.New(rand.NewPCG(seed, 1))
	replaced := 0
	for n := range soaktest.Rounds(2000) {
		what := fmt.Sprintf("seed %d, file %d", seed, n)
		path := inFile(t)
		if err := os.WriteFile(path, damage(rng, whole, n), 0o600); err != nil {
			t.Fatal(err)
		}
		var r observe.Recorder
		s, err := boltstore.New(path, boltstore.Config{NoSync: true, Observer: &r})
		if err != nil {
			t.Fatalf("%s: New: %v", what, err)
		}
		there := rightOrAbsent(t, s, what)
		aside, err := filepath.Glob(path + ".damaged-*")
		if err != nil {
			t.Fatal(err)
		}
		if len(aside) != len(r.Events()) || len(aside) > 1 {
			t.Fatalf("%s: %d files were moved aside, and %d events came", what, len(aside), len(r.Events()))
		}
		if replaced += len(aside); len(aside) == 0 && there < 300 {
			t.Fatalf("%s: %d values are left of a file that was kept", what, there)
		}
		closed(t, s)
	}
	if replaced == 0 {
		t.Error("no file was replaced")
	}
}

// What happens to a file while it is open.
func TestDamageUnderAnOpenFileIsMetWithoutACrash(t *testing.T) {
	t.Parallel()
	whole := filled(t)
	seed := soaktest.Seed()
	rng := rand.New(rand.NewPCG(seed, 2))
	replaced := 0
	for n := range soaktest.Rounds(1000) {
		what := fmt.Sprintf("seed %d, file %d", seed, n)
		path := inFile(t)
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		var r observe.Recorder
		s, err := boltstore.New(path, boltstore.Config{NoSync: true, Observer: &r})
		if err != nil {
			t.Fatalf("%s: New: %v", what, err)
		}
		switch n % 4 {
		case 0:
			err = os.Truncate(path, int64(rng.IntN(len(whole))))
		case 1, 2, 3: // values, mostly: a page that leads to itself can only be met at New
			f, ferr := os.OpenFile(path, os.O_WRONLY, 0)
			if ferr != nil {
				t.Fatal(ferr)
			}
			at := 4096*(2+rng.IntN(len(whole)/4096-2)) + 512
			_, err = f.WriteAt(make([]byte, 3000), int64(at))
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		for range 3 { // a write may meet it first
			if err := s.Put(t.Context(), fmt.Sprint(rng.IntN(500), "x"), store.Item{}); err != nil && !errors.Is(err, boltstore.ErrDamaged) {
				t.Fatalf("%s: Put: %v", what, err)
			}
		}
		rightOrAbsent(t, s, what)
		if got := s.Stats().Damaged; got != uint64(len(r.Events())) {
			t.Fatalf("%s: %d files were replaced, and %d events came", what, got, len(r.Events()))
		}
		replaced += len(r.Events())
		closed(t, s)
	}
	if replaced == 0 {
		t.Error("no file was replaced")
	}
}
