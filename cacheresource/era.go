package cacheresource

import (
	"iter"
	"maps"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/keys"
)

func (r *core) newEra() *era {
	e := &era{opens: flight.NewTable(&r.tracker)}
	if r.keys.Shape() == keys.Word {
		e.words = make(map[uint64]*instance)
	} else {
		e.texts = make(map[string]*instance)
	}
	return e
}

// eras are all eras that are not over.
func (r *core) eras() iter.Seq[*era] {
	if r.visitors != nil {
		return r.visitors.All()
	}
	return func(yield func(*era) bool) { yield(r.era) }
}

// entries is how many instances there are.
func (r *core) entries() (n int) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for e := range r.eras() {
		n += e.len()
	}
	return n
}

// takeOut removes in from the cache, if it is still there.
func (r *core) takeOut(in *instance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	in.home.remove(in)
}

// at returns the instance of an id, or nil.
func (e *era) at(id string) *instance {
	if e.words != nil {
		return e.words[keys.ParseWord(id)]
	}
	return e.texts[id]
}

func (e *era) put(in *instance) {
	if e.words != nil {
		e.words[keys.ParseWord(in.id)] = in
	} else {
		e.texts[in.id] = in
	}
}

// remove takes in out and reports whether it was in.
func (e *era) remove(in *instance) bool {
	if in == nil || e.at(in.id) != in {
		return false
	}
	if e.words != nil {
		delete(e.words, keys.ParseWord(in.id))
	} else {
		delete(e.texts, in.id)
	}
	return true
}

func (e *era) len() int { return len(e.words) + len(e.texts) }

// all are the instances, in no order. What it yields may be removed.
func (e *era) all() iter.Seq[*instance] {
	return func(yield func(*instance) bool) {
		for in := range maps.Values(e.words) {
			if !yield(in) {
				return
			}
		}
		for in := range maps.Values(e.texts) {
			if !yield(in) {
				return
			}
		}
	}
}

// end lets nothing be put in any more and returns what is in.
func (e *era) end() []*instance {
	e.ended = true
	old := make([]*instance, 0, e.len())
	for in := range e.all() {
		old = append(old, in)
	}
	e.words, e.texts, e.faults = nil, nil, nil
	return old
}

// shrink takes out what is too much beside the newest instance.
func (e *era) shrink(bound int, newest *instance) (out []*instance) {
	for bound > 0 && e.len() > bound {
		var victim *instance
		for in := range e.all() {
			if in != newest && !in.pinned.Load() && (victim == nil || in.goesBefore(victim)) {
				victim = in
			}
		}
		if !e.remove(victim) {
			break // all others are pinned
		}
		out = append(out, victim)
	}
	return out
}

// maxFaults is how many errors an era remembers at a time.
const maxFaults = 1024

// of returns the error of an id, unless it has been remembered for long enough.
func (f faults) of(id string, now int64) error {
	if fault, ok := f[id]; ok && now < fault.until {
		return fault.err
	}
	return nil
}

// remember keeps an error. When there are too many, another one goes: to
// forget one costs no more than an open.
func (f *faults) remember(id string, err error, until int64) {
	if *f == nil {
		*f = make(faults)
	}
	for other := range *f {
		if len(*f) < maxFaults {
			break
		}
		delete(*f, other)
	}
	(*f)[id] = fault{err, until}
}

// sweep forgets what has been remembered for long enough and returns when more
// will have been.
func (f faults) sweep(now, next int64) int64 {
	for id, fault := range f {
		if now >= fault.until {
			delete(f, id)
		} else {
			next = min(next, fault.until)
		}
	}
	return next
}
