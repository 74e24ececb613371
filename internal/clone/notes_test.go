package clone_test

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
)

type part struct {
	N    int
	Pair inner
}

type mesh struct {
	Parts  []part
	Array  *[3]part
	Some   []*part
	Pairs  []*inner
	Alike  []*alike
	Counts []*int
	Lists  [][]part
	Next   *mesh
}

// meshOf makes a mesh whose pointers lead to places of their own, or, with odds of 1 to n, to some that there are
// already.
func meshOf(r *rand.Rand, odds, depth int) *mesh {
	m := &mesh{Parts: make([]part, 1+r.IntN(3)), Array: new([3]part)}
	old := func() *part {
		if all := [][]part{m.Parts, m.Array[:]}; r.IntN(odds) == 0 {
			in := all[r.IntN(2)]
			return &in[r.IntN(len(in))]
		}
		return new(part)
	}
	for range r.IntN(4) {
		switch r.IntN(6) {
		case 0:
			m.Some = append(m.Some, old())
		case 1:
			m.Pairs = append(m.Pairs, &old().Pair)
		case 2:
			m.Counts = append(m.Counts, &old().N)
		case 3:
			m.Counts = append(m.Counts, new(5))
			m.Pairs = append(m.Pairs, new(inner))
			m.Some = append(m.Some, m.Some...) // which share, and lead to the middle of nothing
		case 4:
			m.Lists = append(m.Lists, m.Parts[:len(m.Parts)-r.IntN(2)]) // lists may overlap
			if r.IntN(odds) == 0 {
				m.Lists = append(m.Lists, m.Array[r.IntN(2):])
			}
		case 5:
			pair := new(inner)
			m.Pairs = append(m.Pairs, pair)
			if m.Alike = append(m.Alike, new(alike)); r.IntN(odds) == 0 {
				m.Alike = append(m.Alike, (*alike)(pair))
			}
		}
	}
	if depth > 0 {
		m.Next = meshOf(r, odds, depth-1)
	}
	return m
}

// What a copy notes on its way tells as much as a search of the whole value.
func TestNotesTellWhatASearchFinds(t *testing.T) {
	t.Parallel()
	plan, err := clone.For[mesh](clone.Config{})
	if err != nil {
		t.Fatal(err)
	}
	open, err := clone.For[any](clone.Config{})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for seed := range uint64(2000) {
		v := meshOf(rand.New(rand.NewPCG(seed, 1)), 1+int(seed)%30, int(seed)%3)
		noted, err := plan.CopyExactly(unsafe.Pointer(new(mesh)), unsafe.Pointer(v))
		if err != nil {
			t.Fatal(err)
		}
		searched, err := plan.CopyInside(unsafe.Pointer(new(mesh)), unsafe.Pointer(v))
		if err != nil {
			t.Fatal(err)
		}
		var held any = v
		behind, err := open.CopyExactly(unsafe.Pointer(new(any)), unsafe.Pointer(&held))
		if err != nil {
			t.Fatal(err)
		}
		if noted != searched || behind != searched {
			t.Errorf("seed %d: the copy finds links %d, behind an interface %d; a search finds %d: %+v", seed, noted, behind, searched, v)
		}
		if searched == clone.Inside {
			found++
		}
	}
	if found < 200 || found > 1800 {
		t.Errorf("%d of 2000 values have a pointer into the middle", found)
	}
}
