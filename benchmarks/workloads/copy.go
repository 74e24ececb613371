package workloads

import (
	"bytes"
	"errors"
	"maps"
	"strconv"
	"time"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/peers"
	"github.com/reecho-go/reecho/benchmarks/workloads/answers"
	"github.com/reecho-go/reecho/internal/clone"
)

// Peers that change what they copy.
const (
	gobName     = "gob"
	msgpackName = "msgpack"
)

// nilBecomesEmpty is what copier changes.
const nilBecomesEmpty = "nil slices become empty"

// Copy is the deep copy of a value alone, which every hit needs. What is
// written by hand are ordinary loops, one allocation for each slice and map.
func Copy() []bench.Workload {
	return []bench.Workload{
		copies(copyShape[scalars]{
			name: "scalar struct", make: makeScalars, hand: same[scalars],
			flaws: map[string]string{msgpackName: "times come back in the local zone"},
		}),
		copies(copyShape[names]{name: "3 strings", make: func() names { return names{"Ada", "King", "London"} }, hand: same[names]}),
		copies(tableShape("100 rows", 100, 100)),
		copies(tableShape("10,000 rows", 10_000, 1_000)),
		copies(copyShape[map[string]map[string]int]{name: "map 100x100", make: makeMaps, hand: cloneMaps}),
		copies(copyShape[tree]{
			name: "tree of 1,000", make: makeTree, hand: tree.clone,
			flaws: map[string]string{Copier: nilBecomesEmpty},
		}),
		copies(copyShape[[]byte]{name: "1 MB bytes", make: func() []byte { return make([]byte, 1<<20) }, small: func() []byte { return make([]byte, 1<<16) }, hand: bytes.Clone}),
	}
}

// tableShape is rows with strings and small slices, which an arena is for. Tests copy few
// of them.
func tableShape(name string, n, few int) copyShape[[]row] {
	return copyShape[[]row]{
		name: name, make: func() []row { return makeTable(n, 0) }, small: func() []row { return makeTable(few, 0) }, hand: cloneRows, arena: cloneArena,
		flaws: map[string]string{Copier: nilBecomesEmpty, gobName: "empty slices become nil"},
	}
}

// copyShape is a type of values with all that differs between types.
type copyShape[V any] struct {
	name  string
	make  func() V
	small func() V // a smaller one for tests; nil: make
	hand  func(V) V
	arena func(V) V         // the same with one array for all small slices; nil: there are none
	flaws map[string]string // by peer
}

func copies[V any](s copyShape[V]) bench.Workload {
	prepare := func(value func() V) ([]bench.Row, error) {
		plan, err1 := clone.For[V](clone.Config{})
		cbor, err2 := peers.CBORCopy[V]()
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		v := value()
		rows := []bench.Row{copyRow(s, v, ByHand, sure(s.hand)), copyRow(s, v, Ours, plan.Copy)}
		if s.arena != nil {
			row := copyRow(s, v, ByHand+", arena", sure(s.arena))
			row.Note = "as long as one row lives, the tags of all do"
			rows = append(rows, row)
		}
		return append(rows,
			copyRow(s, v, Copier, peers.CopierCopy[V]),
			copyRow(s, v, "go-clone", peers.GoCloneCopy[V]),
			copyRow(s, v, "go-deepcopy", peers.GoDeepcopyCopy[V]),
			copyRow(s, v, gobName, peers.GobCopy[V]),
			copyRow(s, v, "json", peers.JSONCopy[V]),
			copyRow(s, v, "cbor", cbor),
			copyRow(s, v, msgpackName, peers.MsgpackCopy[V]),
		), nil
	}
	w := bench.Workload{Group: "copy", Name: s.name, Reference: ByHand, Prepare: func() ([]bench.Row, error) { return prepare(s.make) }}
	if s.small != nil {
		w.Small = func() ([]bench.Row, error) { return prepare(s.small) }
	}
	return w
}

// copyRow is a row that copies v. Its answers are right if each equals v and
// shares no memory with it.
func copyRow[V any](s copyShape[V], v V, peer string, clone func(V) (V, error)) bench.Row {
	return bench.Row{
		Peer: peer, Flaw: s.flaws[peer],
		Op: func(int) error {
			_, err := clone(v)
			return err
		},
		Check: func() error {
			own, err := clone(v)
			if err != nil {
				return err
			}
			return answers.CheckCopy(own, v)
		},
	}
}

func sure[V any](clone func(V) V) func(V) (V, error) {
	return func(v V) (V, error) { return clone(v), nil }
}

type scalars struct {
	ID    int64
	Rate  float64
	On    bool
	At    time.Time
	Codes [4]uint32
}

func makeScalars() scalars {
	return scalars{ID: 7, Rate: 0.5, On: true, At: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Codes: [4]uint32{1, 2, 3, 4}}
}

type names struct{ First, Last, City string }

func same[V any](v V) V { return v }

// tree is a tree in which each node has up to four children.
type tree struct {
	Value int
	Name  string
	Kids  []*tree
}

func makeTree() tree {
	nodes := list(1000, func(i int) *tree { return &tree{Value: i, Name: strconv.Itoa(i)} })
	for i, n := range nodes[1:] {
		parent := nodes[i/4]
		parent.Kids = append(parent.Kids, n)
	}
	return *nodes[0]
}

// clone expects that no kid is nil, as in makeTree.
func (t tree) clone() tree {
	if t.Kids == nil {
		return t
	}
	kids := make([]*tree, len(t.Kids))
	for i, k := range t.Kids {
		own := k.clone()
		kids[i] = &own
	}
	t.Kids = kids
	return t
}

func makeMaps() map[string]map[string]int {
	m := make(map[string]map[string]int, 100)
	for i := range 100 {
		inner := make(map[string]int, 100)
		for j := range 100 {
			inner["key "+strconv.Itoa(j)] = j
		}
		m["map "+strconv.Itoa(i)] = inner
	}
	return m
}

func cloneMaps(m map[string]map[string]int) map[string]map[string]int {
	own := make(map[string]map[string]int, len(m))
	for k, inner := range m {
		to := make(map[string]int, len(inner))
		maps.Copy(to, inner)
		own[k] = to
	}
	return own
}

// cloneArena is cloneRows with one array for the tags of all rows.
func cloneArena(rows []row) []row {
	total := 0
	for _, r := range rows {
		total += len(r.Tags)
	}
	own, tags := make([]row, len(rows)), make([]string, 0, total)
	for i, r := range rows {
		if r.Tags != nil {
			start := len(tags)
			tags = append(tags, r.Tags...)
			r.Tags = tags[start:len(tags):len(tags)]
		}
		own[i] = r
	}
	return own
}
