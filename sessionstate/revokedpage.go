package sessionstate

import (
	"encoding/binary"
	"slices"
	"time"
)

// digestSize is how many bytes of a SHA-256 name ids and users on a page.
const digestSize = 16

type digest [digestSize]byte

// sessionRef identifies a session in the list.
type sessionRef struct {
	class  class
	user   digest // zero: none is known
	id     digest
	issued int64 // Unix seconds: when the id was made; 0: before all others
}

// class is a set of pages. Sessions of users, of visitors, of cookies of another library and
// of cookies of other names have separate pages, so that the pages that any client can fill
// end no session of another class.
type class struct {
	name  string
	pages uint64
}

// maxPage is the size of a page in bytes: some 100 ids.
const maxPage = 4 << 10

// page is one page of the list of revocations.
type page []pageEntry

// pageEntry is an entry of a page. It revokes one id. An entry without an id revokes all ids of
// its user that were made at that time or before; without a user as well, all such ids of the page.
type pageEntry struct {
	user, id digest // zero: all
	at       int64  // Unix seconds
	until    int64  // Unix seconds, when it may be dropped; 0: never
	renewed  bool   // the id has ended because the session has a new one
}

// idState says what a page knows about the id of a session.
type idState uint8

const (
	idLive idState = iota
	idEnded
	idRenewed // it has a new id
	idRefused // its id is refused, and it may have a new one
)

// coversAllOf reports whether c revokes the ids of a whole user or page, and m is one of these.
func (c *pageEntry) coversAllOf(m *sessionRef) bool {
	return c.id == (digest{}) && (c.user == (digest{}) || c.user == m.user)
}

func (p page) state(m *sessionRef) idState {
	now := idLive
	for i := range p {
		switch c := &p[i]; {
		case c.id == m.id && c.renewed:
			return idRenewed
		case c.id == m.id:
			return idEnded
		case c.coversAllOf(m) && m.issued <= c.at:
			now = idRefused
		}
	}
	return now
}

// refusedUntil returns the latest issue time of which the page refuses all ids of m's user, or -1.
func (p page) refusedUntil(m *sessionRef) int64 {
	at := int64(-1)
	for i := range p {
		if p[i].coversAllOf(m) {
			at = max(at, p[i].at)
		}
	}
	return at
}

// with returns the page with one more id that has ended. It leaves out entries that have expired,
// and shortens the page to its size.
func (p page) with(m *sessionRef, until int64, renewed bool, now int64) page {
	next := make(page, 0, len(p)+1)
	for _, c := range p {
		if c.until == 0 || now < c.until {
			next = append(next, c)
		}
	}
	next = append(next, pageEntry{m.user, m.id, m.issued, until, renewed})
	return next.within(maxPage)
}

// within shortens the page until it has size bytes or fewer, or only one entry.
func (p page) within(size int) page {
	for p.size() > size && len(p) > 1 {
		p = p.shorter()
	}
	return p
}

// fairShare is the number of ids of one user in a full page above which shorter refuses older ids
// of that user instead of older ids of all users.
const fairShare = 8

// shorter replaces the oldest id by an entry that revokes all ids up to its age: those of the user
// with the most ids or, if no user has more than fairShare, those of the whole page.
func (p page) shorter() page {
	most := p.busiest()
	belongs := func(c *pageEntry) bool { return most == (digest{}) || c.user == most }
	mark := pageEntry{user: most, at: -1}
	for i := range p {
		c := &p[i]
		if isMark := c.user == most && c.id == (digest{}); belongs(c) && !isMark && (mark.at < 0 || c.at < mark.at) {
			mark.at = c.at
		}
	}
	for i := range p {
		if c := &p[i]; c.user == most && c.id == (digest{}) {
			mark.at = max(mark.at, c.at)
		}
	}
	next, first := make(page, 0, len(p)), true
	for i := range p {
		c := &p[i]
		if !belongs(c) || c.at > mark.at {
			next = append(next, *c)
			continue
		}
		if first || mark.until != 0 && (c.until == 0 || c.until > mark.until) {
			mark.until, first = c.until, false
		}
	}
	return append(next, mark)
}

// busiest returns the user with the most ids, if these are more than fairShare.
func (p page) busiest() (most digest) {
	ids := make(map[digest]int)
	for i := range p {
		c := &p[i]
		if c.user == (digest{}) || c.id == (digest{}) {
			continue
		}
		if ids[c.user]++; ids[c.user] > max(ids[most], fairShare) {
			most = c.user
		}
	}
	return most
}

// expires returns when the whole page may be dropped; the zero time is never.
func (p page) expires() time.Time {
	var latest int64
	for i := range p {
		if p[i].until == 0 {
			return time.Time{}
		}
		latest = max(latest, p[i].until)
	}
	return time.Unix(latest, 0)
}

// The bits of an entry's first byte, and the first byte of a page.
const (
	entryUser = 1 << iota
	entryID
	entryRenewed

	formatPage = 1
)

func (p page) size() int {
	n := 1
	for i := range p {
		n += p[i].size()
	}
	return n
}

func (c *pageEntry) size() int {
	n := 1 + uvarintLen(uint64(c.at)) + uvarintLen(uint64(c.until))
	if c.user != (digest{}) {
		n += digestSize
	}
	if c.id != (digest{}) {
		n += digestSize
	}
	return n
}

// append encodes the page for parsePage.
func (p page) append(b []byte) []byte {
	b = append(slices.Grow(b, p.size()), formatPage)
	for i := range p {
		c := &p[i]
		at := len(b)
		b = append(b, 0)
		if c.renewed {
			b[at] |= entryRenewed
		}
		if c.user != (digest{}) {
			b[at] |= entryUser
			b = append(b, c.user[:]...)
		}
		if c.id != (digest{}) {
			b[at] |= entryID
			b = append(b, c.id[:]...)
		}
		b = binary.AppendUvarint(b, uint64(c.at))
		b = binary.AppendUvarint(b, uint64(c.until))
	}
	return b
}

// parsePage decodes the output of append, and accepts nothing else.
func parsePage(b []byte) (page, error) {
	if len(b) == 0 || b[0] != formatPage {
		return nil, errFormat
	}
	r := parser{text: string(b[1:])}
	var p page
	for r.text != "" {
		flags := r.text[0]
		r.text = r.text[1:]
		c := pageEntry{renewed: flags&entryRenewed != 0}
		if flags&entryUser != 0 {
			copy(c.user[:], r.bytes(digestSize))
		}
		if flags&entryID != 0 {
			copy(c.id[:], r.bytes(digestSize))
		}
		c.at = int64(r.uvarint(2 * maxSeconds))
		c.until = int64(r.uvarint(4 * maxSeconds))
		p = append(p, c)
	}
	if r.bad || len(p) == 0 {
		return nil, errFormat
	}
	return p, nil
}
