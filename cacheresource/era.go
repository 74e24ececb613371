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

// eras yields all eras that are not over.
func (r *core) eras() iter.Seq[*era] {
	if r.visitors != nil {
		return r.visitors.All()
	}
	return func(yield func(*era) bool) { yield(r.era) }
}

// entries returns how many instances are in the cache.
func (r *core) entries() (n int) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for e := range r.eras() {
		n += e.len()
	}
	return n
}

// takeOut removes in from the cache, if it is still in.
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

// remove removes in, and reports whether it was there.
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

// all yields the instances, in no order. The loop may remove the one that it has got.
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

// end ends the era, so that nothing can be added, and returns its instances.
func (e *era) end() []*instance {
	e.ended = true
	old := make([]*instance, 0, e.len())
	for in := range e.all() {
		old = append(old, in)
	}
	e.words, e.texts, e.faults = nil, nil, nil
	return old
}

// shrink removes instances beyond the bound, but never the newest or a pinned one.
func (e *era) shrink(bound int, newest *instance) (out []*instance) {
	for bound > 0 && e.len() > bound {
		var victim *instance
		for in := range e.all() {
			if in != newest && !in.pinned.Load() && (victim == nil || in.goesBefore(victim)) {
				victim = in
			}
		}
		if !e.remove(victim) {
			break // all other instances are pinned
		}
		out = append(out, victim)
	}
	return out
}

// maxFaults is how many errors an era remembers at a time.
const maxFaults = 1024

// of returns the remembered error of an id, or nil if there is none or its time is over.
func (f faults) of(id string, now int64) error {
	if fault, ok := f[id]; ok && now < fault.until {
		return fault.err
	}
	return nil
}

// remember keeps an error. If there are too many, it drops any other one, which costs no
// more than an open.
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

// sweep drops the errors whose time is over, and returns the earlier of next and the time
// of the next one.
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
