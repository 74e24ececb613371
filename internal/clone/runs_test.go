package clone_test

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
)

type poster struct {
	Born time.Time
	Name string
	N    int
}

type post struct {
	At     time.Time
	Writer *poster
	Editor *poster
	Note   *string
	Sent   *time.Time
	Views  *int
	Tags   []string
	Seen   map[string]int
}

// postsOf makes lists of posts whose pointers lead to places of their own or, with odds of 1 to odds, to some that there
// are already, at the beginning or in the middle of others.
func postsOf(r *rand.Rand, odds, lists int) (all [][]post) {
	var posters []*poster
	var notes []*string
	var sent []*time.Time
	var views []*int
	rarely := func() bool { return odds > 0 && r.IntN(odds) == 0 }
	person := func() *poster {
		if len(posters) > 0 && rarely() {
			return posters[r.IntN(len(posters))]
		}
		w := &poster{Name: "a name", N: r.IntN(100)}
		posters, notes, sent, views = append(posters, w), append(notes, &w.Name), append(sent, &w.Born), append(views, &w.N)
		return w
	}
	for range lists {
		posts := make([]post, 1+r.IntN(12))
		all = append(all, posts)
		for i := range posts {
			p := &posts[i]
			p.Writer, p.Note, p.Sent, p.Views, p.Tags = person(), new("a note"), new(time.Unix(int64(i), 0).UTC()), new(i), []string{"a", "b"}
			if r.IntN(2) == 0 {
				p.Editor = person()
			}
			if rarely() {
				p.Note = notes[r.IntN(len(notes))]
			}
			if rarely() {
				p.Sent = sent[r.IntN(len(sent))]
			}
			if rarely() {
				p.Views = views[r.IntN(len(views))]
			}
			if rarely() {
				p.Note = &p.Tags[1]
			}
			if rarely() {
				p.Sent = &all[0][r.IntN(len(all[0]))].At
			}
			if rarely() {
				p.Seen = map[string]int{"a": i}
			}
		}
	}
	return all
}

// A copy that supposes a tree tells what a search of the whole value tells, and is the same copy.
func TestAValueThatWasTakenForATreeIsCopiedAsIfItWereNot(t *testing.T) {
	t.Parallel()
	found := map[clone.Links]int{}
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 2))
		v := postsOf(r, int(seed)%40*2, 1+int(seed)%3)
		if seed%5 == 0 { // in another order than that of memory
			r.Shuffle(len(v), func(i, j int) { v[i], v[j] = v[j], v[i] })
		}
		supposed, searched := new([][]post), new([][]post)
		plan := planOf[[][]post](t, clone.Config{}) // the first copy of a plan supposes a tree
		got, err := plan.CopyExactly(unsafe.Pointer(supposed), unsafe.Pointer(&v))
		if err != nil {
			t.Fatal(err)
		}
		want, err := plan.CopyInside(unsafe.Pointer(searched), unsafe.Pointer(&v))
		if err != nil {
			t.Fatal(err)
		}
		found[want]++
		if got != want {
			t.Fatalf("seed %d: links are %d, want %d", seed, got, want)
		}
		if !reflect.DeepEqual(*supposed, v) || !reflect.DeepEqual(*searched, v) {
			t.Fatalf("seed %d: a copy differs", seed)
		}
		if places, all := targets(*supposed), targets(v); places != all || places != targets(*searched) {
			t.Fatalf("seed %d: the copy has %d targets, want %d", seed, places, all)
		}
		if both := targets([]any{*supposed, v}); both != 2*targets(v) {
			t.Fatalf("seed %d: the copy shares %d targets with the original", seed, 2*targets(v)-both)
		}
	}
	for _, links := range []clone.Links{clone.Tree, clone.Shared, clone.Inside} {
		if found[links] < 100 {
			t.Errorf("%d of 3000 values have the links %d", found[links], links)
		}
	}
}

// A value in a circle, or of many parts all over memory, is no reason to go on with a copy that supposes a tree.
func TestACopyThatSupposesATreeEnds(t *testing.T) {
	t.Parallel()
	type ring struct {
		Next, Other *ring
		N           int
	}
	first := &ring{}
	all := []*ring{first}
	for i := range 1000 {
		all = append(all, &ring{N: i})
	}
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for i, r := range all {
		r.Next = all[(i+1)%len(all)]
	}
	for range 3 {
		var own *ring
		plan := planOf[*ring](t, clone.Config{})
		links, err := plan.CopyExactly(unsafe.Pointer(&own), unsafe.Pointer(&first))
		if err != nil || links != clone.Shared {
			t.Fatalf("links %d, error %v, want those of a circle", links, err)
		}
		n := 1
		for r := own.Next; r != own; r = r.Next {
			n++
		}
		if n != len(all) {
			t.Errorf("the copy has %d parts, want %d", n, len(all))
		}
	}
}

// A type whose values are no trees is not taken for one again and again.
func TestATypeThatSharesIsNotTakenForATreeEachTime(t *testing.T) {
	one := &poster{Name: "one"}
	v := make([]post, 200)
	for i := range v {
		v[i] = post{Writer: new(poster), Note: new("a note")}
	}
	v[199].Writer, v[0].Editor = one, one
	own := new([]post)
	copies := func(plan *clone.Plan[[]post]) {
		if _, err := plan.CopyExactly(unsafe.Pointer(own), unsafe.Pointer(&v)); err != nil {
			t.Fatal(err)
		}
	}
	const rounds = 5
	var fresh []*clone.Plan[[]post]
	for range rounds + 1 { // AllocsPerRun calls once more
		fresh = append(fresh, planOf[[]post](t, clone.Config{}))
	}
	next := 0
	first := testing.AllocsPerRun(rounds, func() { copies(fresh[next]); next++ })
	later := testing.AllocsPerRun(rounds, func() { copies(fresh[0]) })
	if first <= later {
		t.Errorf("%v allocations if it is taken for a tree, and %v if not: the second must be fewer", first, later)
	}
}
