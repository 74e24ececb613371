package clone_test

import (
	"math/rand/v2"
	"reflect"
	"runtime"
	"strconv"
	"testing"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/internal/heaptest"
	"github.com/reecho-go/reecho/internal/soaktest"
)

type cell struct {
	A, B  *int
	Small *uint8
	Name  *string
	Three *[3]string
	Tags  []string
	Codes []int
	Deep  *[]int
}

// cellsOf makes cells by a seed, of which no two references lead to one place.
func cellsOf(seed uint64) []cell {
	r := rand.New(rand.NewPCG(seed, 2))
	cells := make([]cell, r.IntN(700))
	holes := 1 + r.IntN(5) // of so many references one is nil
	for i := range cells {
		c := &cells[i]
		some := func() bool { return r.IntN(holes) != 1 }
		if some() {
			c.A = new(r.Int())
		}
		if some() {
			c.B, c.Small = new(r.Int()), new(uint8(i))
		}
		if some() {
			c.Name, c.Three = new(strconv.Itoa(i)), &[3]string{1: "b"}
		}
		if some() {
			c.Tags = []string{"a", strconv.Itoa(i), "c"}[:r.IntN(4)]
		}
		if some() {
			c.Codes = make([]int, r.IntN(90)) // some have memory of their own
		}
		if some() {
			c.Deep = new([]int{i})
		}
	}
	return cells
}

// overwrite changes all that cells refer to.
func overwrite(cells []cell) {
	for i := range cells {
		c := &cells[i]
		for _, p := range []*int{c.A, c.B} {
			if p != nil {
				*p = -1
			}
		}
		if c.Small != nil {
			*c.Small = 255
		}
		if c.Name != nil {
			*c.Name, *c.Three = "overwritten", [3]string{"x", "y", "z"}
		}
		for j := range c.Tags {
			c.Tags[j] = "overwritten"
		}
		for j := range c.Codes {
			c.Codes[j] = -1
		}
		c.Tags = append(c.Tags, "more")
		if c.Deep != nil {
			(*c.Deep)[0] = -1
		}
	}
}

// Copies by blocks are as good as those one by one, also those of whole blocks.
func TestTargetsInBlocksAreTheSame(t *testing.T) {
	t.Parallel()
	p, err := clone.For[[]cell](clone.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(soaktest.Rounds(150)) {
		v, first, second := cellsOf(seed), new([]cell), new([]cell)
		links, err := p.CopyExactly(unsafe.Pointer(first), unsafe.Pointer(&v))
		if err != nil || links != clone.Tree {
			t.Fatalf("seed %d: links are %d, %v", seed, links, err)
		}
		for range 2 { // a copy of a copy of whole blocks
			r := p.Begin()
			*(*[]cell)(r.At) = *first
			r.Fix(clone.Tree)
			*second, *(*[]cell)(r.At) = *(*[]cell)(r.At), nil
			if err := r.End(); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*second, v) {
				t.Fatalf("seed %d: a copy of a copy differs", seed)
			}
			overwrite(*second)
			if !reflect.DeepEqual(*first, v) {
				t.Fatalf("seed %d: a copy of a copy shares memory with the copy", seed)
			}
		}
		overwrite(*first)
		if !reflect.DeepEqual(v, cellsOf(seed)) {
			t.Fatalf("seed %d: a copy shares memory with the original", seed)
		}
	}
}

// Not parallel: allocations are everybody's.
func TestTargetsInBlocksTakeFewAllocations(t *testing.T) {
	type row struct {
		A, B *int
		S    *string
		T    *[3]string
		Tags []string
	}
	rows := make([]row, 100)
	for i := range rows {
		rows[i] = row{new(1), new(2), new("a"), new([3]string), []string{"b"}}
	}
	p, err := clone.For[[]row](clone.Config{})
	if err != nil {
		t.Fatal(err)
	}
	into := new([]row)
	if n := testing.AllocsPerRun(20, func() { _ = p.CopyTo(unsafe.Pointer(into), unsafe.Pointer(&rows)) }); n > 10 { // 8, and one or two of the race detector
		t.Errorf("%v allocations for 500 targets", n)
	}
}

// Not parallel: memory is everybody's.
func TestBlocksAreAsLargeAsTheTargetsThatThereAre(t *testing.T) {
	type row struct{ Details *[60]int64 }
	rows := make([]row, 8)
	rows[3].Details = new([60]int64)
	u, err := clone.ForType(reflect.TypeOf(rows), clone.Config{})
	if err != nil {
		t.Fatal(err)
	}
	copies := make([][]row, 1000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range copies {
		if _, err := u.CopyExactly(unsafe.Pointer(&copies[i]), unsafe.Pointer(&rows)); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if got, most := (after.TotalAlloc-before.TotalAlloc)/uint64(len(copies)), uint64(2*u.Size(unsafe.Pointer(&rows), clone.Tree)); got > most {
		t.Errorf("a copy takes %d bytes, want %d at most", got, most)
	}
}

// Not parallel: memory is everybody's.
func TestBlocksAreAsLargeAsTheTargetsThatAreDifferent(t *testing.T) {
	type author struct {
		ID   int64
		Name string
	}
	type article struct {
		Author, Editor *author
		Rank           *uint8
	}
	authors := [3]author{{1, "a"}, {2, "b"}, {3, "c"}}
	shared := uint8(7)
	for _, tt := range []struct {
		name      string
		rows      int
		different int // authors, of which the rows have one after the other
	}{
		{"one for all", 100, 1},
		{"three", 100, 3},
		{"more references than a block has room for", 2000, 3},
		{"more than the table begins with", 500, 500},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rows := make([]article, tt.rows)
			own := make([]*author, tt.different)
			for i := range own {
				own[i] = new(authors[i%3])
			}
			for i := range rows {
				rows[i] = article{own[i%tt.different], own[i/2%tt.different], &shared}
			}
			u, err := clone.ForType(reflect.TypeOf(rows), clone.Config{})
			if err != nil {
				t.Fatal(err)
			}
			copies := make([][]article, 200)
			if _, err := u.CopyExactly(unsafe.Pointer(&copies[0]), unsafe.Pointer(&rows)); err != nil { // it makes the table
				t.Fatal(err)
			}
			before := heaptest.InUse()
			for i := range copies {
				if _, err := u.CopyExactly(unsafe.Pointer(&copies[i]), unsafe.Pointer(&rows)); err != nil {
					t.Fatal(err)
				}
			}
			got := (heaptest.InUse() - before) / int64(len(copies))
			if size := u.Size(unsafe.Pointer(&copies[1]), clone.Shared); got > size+size/8+200 {
				t.Errorf("a copy takes %d bytes, of which Size says %d", got, size)
			}
			for i := range rows {
				a, b := &rows[i], &copies[7][i]
				if *a.Author != *b.Author || *a.Editor != *b.Editor || *b.Rank != shared || a.Author == b.Author || b.Rank != copies[7][0].Rank {
					t.Fatalf("row %d is %+v", i, b)
				}
				for j := range i {
					if (rows[j].Author == a.Editor) != (copies[7][j].Author == b.Editor) {
						t.Fatalf("rows %d and %d do not share what the original does", i, j)
					}
				}
			}
			runtime.KeepAlive(copies)
		})
	}
}
