package sessionstate

import "time"

// edit is one change of one key: to a fixed outcome or, with redo, by a function of the
// present value.
type edit struct {
	entry   entry
	present bool
	redo    func(now entry, ok bool) (next entry, present bool, err error)
}

// apply returns the key's entry after the edit.
func (e edit) apply(now entry, ok bool) (entry, bool, error) {
	if e.redo == nil {
		return e.entry, e.present, nil
	}
	return e.redo(now, ok)
}

// change is everything that a request did to one key: a fixed outcome, or functions that are
// applied, one after the other, to the value in the store.
type change struct {
	name  string
	fixed edit
	redo  []edit // empty: fixed
}

// changes are what a request did to its session, in a form that can be applied again to a
// newer record.
type changes struct {
	keys        []change
	cleared     bool // all entries of the record were removed first
	login       *login
	foreign     *string
	rememberFor *int64 // seconds, requested by another library's code
	renew       bool   // give it a new id
	create      bool   // save it even if it is empty
}

// login is a change of the user to whom the session belongs.
type login struct {
	user        string
	at          int64  // Unix seconds: the absolute timeout starts again
	rememberFor int64  // seconds, 0: Config decides
	mark        string // the last mark of the user
}

// of returns the change of the key.
func (c *changes) of(name string) (change, bool) {
	for _, ch := range c.keys {
		if ch.name == name {
			return ch, true
		}
	}
	return change{}, false
}

// put replaces the change of a key.
func (c *changes) put(ch change) {
	for i := range c.keys {
		if c.keys[i].name == ch.name {
			c.keys[i] = ch
			return
		}
	}
	c.keys = append(c.keys, ch)
}

// drop removes the change of a key.
func (c *changes) drop(name string) {
	for i := range c.keys {
		if c.keys[i].name == name {
			c.keys = append(c.keys[:i:i], c.keys[i+1:]...)
			return
		}
	}
}

// add notes an edit whose outcome was next.
func (c *changes) add(name string, e edit, next entry, present bool) {
	before, known := c.of(name)
	ch := change{name: name, fixed: edit{entry: next, present: present}}
	// A change that does not depend on the record is fixed, and stays so.
	if dependent := !c.cleared && (!known || len(before.redo) > 0); e.redo != nil && dependent {
		ch.redo = append(before.redo[:len(before.redo):len(before.redo)], e)
	}
	c.put(ch)
}

// apply applies the changes to a record. It may call the functions given to Update.
func (c *changes) apply(r record) (record, error) {
	if c.cleared {
		r.entries = nil
	}
	for _, ch := range c.keys {
		steps := ch.redo
		if len(steps) == 0 {
			steps = []edit{ch.fixed}
		}
		for _, step := range steps {
			now, ok := r.find(ch.name)
			next, present, err := step.apply(now, ok)
			if err != nil {
				return record{}, err
			}
			if present {
				r = r.with(next)
			} else {
				r = r.without(ch.name)
			}
		}
	}
	if c.login != nil {
		r = c.login.apply(r)
	}
	if c.foreign != nil {
		r.foreign = *c.foreign
	}
	if c.rememberFor != nil && c.login == nil {
		r.rememberFor = *c.rememberFor
	}
	return r, nil
}

func (l *login) apply(r record) record {
	r.user, r.rememberFor, r.mark = l.user, l.rememberFor, l.mark
	r.created, r.issued, r.seen = l.at, l.at, 1000*l.at
	return r
}

// fresh returns an empty record that starts now.
func fresh(now time.Time) record {
	at := now.Unix()
	return record{created: at, issued: at, seen: 1000 * at}
}
