package queryparams

import (
	"sync"
)

// occurrence is a pair of the query that belongs to the schema.
type occurrence struct {
	key, keyEnd uint32 // only for maps and unknown parameters
	val, valEnd uint32
	next        int32 // of the same leaf; -1: none
	flags       uint8
	keyFlags    uint8
	how         spelling
}

// chain is the occurrences of one leaf, in URL order.
type chain struct{ first, last, count int32 }

// work is where the pairs of one reading are sorted, by offsets alone: it can
// be used again without keeping a request's memory alive.
type work struct {
	occ     []occurrence
	chains  []chain // one for each leaf
	present uint64  // set of groups
	unknown []occurrence
}

var works = sync.Pool{New: func() any { return new(work) }}

func newWork(leaves int) *work {
	w := works.Get().(*work)
	if cap(w.chains) < leaves {
		w.chains = make([]chain, leaves)
	}
	w.chains = w.chains[:leaves]
	clear(w.chains)
	return w
}

func (w *work) release() {
	if cap(w.occ)+cap(w.unknown) > maxPooledPairs {
		return
	}
	w.occ, w.unknown, w.present = w.occ[:0], w.unknown[:0], 0
	works.Put(w)
}

// maxPooledPairs is how many pairs a work may have room for to be kept.
const maxPooledPairs = 1 << 10

func (w *work) isPresent(g int) bool { return w.present&(1<<g) != 0 }

func (w *work) at(i int32) *occurrence { return &w.occ[i] }

// push keeps a pair and returns its index. It writes field by field: copying a
// struct just written costs more than everything else here.
func (w *work) push(pr *pair, how spelling) int32 {
	i := len(w.occ)
	if i < cap(w.occ) {
		w.occ = w.occ[:i+1]
	} else {
		w.occ = append(w.occ, occurrence{})
	}
	w.occ[i].fill(pr, how)
	return int32(i)
}

func (o *occurrence) fill(pr *pair, how spelling) {
	o.key, o.keyEnd, o.val, o.valEnd = uint32(pr.key), uint32(pr.keyEnd), uint32(pr.val), uint32(pr.valEnd)
	o.next, o.flags, o.keyFlags, o.how = -1, pr.valFlags, pr.keyFlags, how
}

// append keeps a pair if the leaf has a use for it.
func (w *work) append(l *leaf, c *chain, pr *pair, how spelling) {
	if l.shape == shapeMap && c.count > 0 && how&spelledAlias == 0 && pr.val == pr.valEnd {
		return // m= says that there is a map, which is known: it takes the place of no element
	}
	c.count++
	most := 1
	switch l.shape {
	case shapeList, shapeMap:
		most = l.maximum + 1
	case shapeStructs:
		most = l.pairs + 1
	}
	switch {
	case c.count == 1:
		c.first = w.push(pr, how)
		c.last = c.first
	case int(c.count) <= most:
		at := w.push(pr, how)
		w.at(c.last).next = at
		c.last = at
	case most == 1:
		kept := w.at(c.first)
		was, is := kept.how&spelledFolded, how&spelledFolded
		if was > is || was == is && l.duplicate == repeatedLast { // the exact spelling wins
			kept.fill(pr, how)
		}
	}
}

// markPresent marks a group and those above it as present.
func (w *work) markPresent(p *plan, g int) {
	for ; g >= 0 && !w.isPresent(g); g = p.groups[g].parent {
		w.present |= 1 << g
	}
}
