package sessionstate

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"time"
)

// idSize is the size of a session id in bytes: 256 random bits (ASVS 7.2.3).
const idSize = 32

type sessionID [idSize]byte

func newID() (id sessionID) {
	rand.Read(id[:]) // never fails
	return id
}

// lineageSize is the size of a lineage in bytes.
const lineageSize = 16

// lineageOf returns the lineage of a session that began with an id of this digest. The lineage
// does not reveal the id.
func lineageOf(sum [sha256.Size]byte) string {
	d := sha256.Sum256(append([]byte("sessionstate/v1/life"), sum[:]...))
	return string(d[:lineageSize])
}

// storeKey returns the key of the id in stores: a digest (RFC 4648 base64url of SHA-256), so
// that a reader of the store cannot use a session.
func (id sessionID) storeKey() string { return id.storeKeyIn("") }

// storeKeyIn is storeKey behind a prefix.
func (id sessionID) storeKeyIn(prefix string) string { return sumKeyIn(prefix, id.sum()) }

// sumKeyIn is storeKeyIn by the digest of an id.
func sumKeyIn(prefix string, sum [sha256.Size]byte) string {
	var buf [96]byte // enough for most
	return string(encoding.AppendEncode(append(buf[:0], prefix...), sum[:]))
}

func (id sessionID) sum() [sha256.Size]byte { return sha256.Sum256(id[:]) }

// entry is the value of one key. Entries are immutable, so they are shared freely.
type entry struct {
	name    string
	version int    // of the key's type, KeyConfig.Version
	raw     string // JSON, or codedMark and what Config.Codec made
}

// record is the content of a session. Its entries are sorted by name and never changed in
// place.
type record struct {
	created     int64  // Unix seconds: the absolute timeout counts from here
	issued      int64  // Unix seconds: the id was made then
	seen        int64  // Unix milliseconds: the idle timeout of cookies counts from here; a store counts by its expiry
	rememberFor int64  // seconds that a remembered session lives; 0: Config decides
	root        string // digest of the id that the present one was renewed from by time; empty: none
	lineage     string // see scopes.go; empty: the session began with this id
	user        string // who logged in
	mark        string // the user's last mark at the Login, see marks; empty: none, or cookie mode
	foreign     string // the values of another library's code, encoded by that
	spilled     string // names the values that are in Config.CookieMode.Spill instead of here; empty: none
	entries     []entry
}

// find returns the entry of that name.
func (r *record) find(name string) (entry, bool) {
	for i := range r.entries {
		if r.entries[i].name == name {
			return r.entries[i], true
		}
	}
	return entry{}, false
}

// with returns r with e added or replaced.
func (r record) with(e entry) record {
	i, found := slices.BinarySearchFunc(r.entries, e.name, byName)
	next := make([]entry, 0, len(r.entries)+1)
	next = append(next, r.entries[:i]...)
	next = append(next, e)
	if found {
		i++
	}
	r.entries = append(next, r.entries[i:]...)
	return r
}

// without returns r without the entry of that name.
func (r record) without(name string) record {
	if i, found := slices.BinarySearchFunc(r.entries, name, byName); found {
		r.entries = slices.Concat(r.entries[:i], r.entries[i+1:])
	}
	return r
}

func byName(e entry, name string) int { return cmp.Compare(e.name, name) }

// empty reports whether the record has nothing to keep.
func (r *record) empty() bool {
	return len(r.entries) == 0 && r.user == "" && r.foreign == "" && r.spilled == ""
}

// personal reports whether a user may be logged in. Code that was written for
// another library may keep a login of its own.
func (r *record) personal() bool { return r.user != "" || r.foreign != "" }

// The formats of a stored record; a record never starts otherwise.
const (
	formatRecord = 1
	formatEnded  = 2 // a tombstone: the session was renewed, its id is dead
	formatMoved  = 3 // a tombstone that names the new id
	formatPart   = 4 // a record with some values in Config.CookieMode.Spill
)

var tombstone = []byte{formatEnded}

// tombstoneSize is the size of a tombstone that leads no cookies to the new id.
const tombstoneSize = 1 + sha256.Size

// revisionSize is the size of the name of a mark: 64 random bits.
const revisionSize = 8

// The reasons why bytes are no record.
var (
	errFormat = errors.New("not a record of this version")
	errEnded  = errors.New("the session has been given a new id")
)

// size is the length of the encoded record.
func (r *record) size() int {
	n := 1 + uvarintLen(uint64(r.created)) + uvarintLen(uint64(r.issued-r.created)) +
		uvarintLen(uint64(r.seen-1000*r.created)) + uvarintLen(uint64(r.rememberFor)) +
		stringLen(r.root) + stringLen(r.lineage) + stringLen(r.user) + stringLen(r.mark) + stringLen(r.foreign) + uvarintLen(uint64(len(r.entries)))
	if r.spilled != "" {
		n += stringLen(r.spilled)
	}
	for _, e := range r.entries {
		n += e.size()
	}
	return n
}

// size is how many bytes an entry adds to the encoded record.
func (e *entry) size() int {
	return stringLen(e.name) + uvarintLen(uint64(e.version)) + stringLen(e.raw)
}

func stringLen(s string) int { return uvarintLen(uint64(len(s))) + len(s) }

func uvarintLen(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

// append encodes r: one byte of format, then unsigned varints and
// length-prefixed strings in the order of the fields. There is exactly one
// encoding of a record.
func (r *record) append(b []byte) []byte {
	format := byte(formatRecord)
	if r.spilled != "" {
		format = formatPart
	}
	b = append(b, format)
	b = binary.AppendUvarint(b, uint64(r.created))
	b = binary.AppendUvarint(b, uint64(r.issued-r.created))
	b = binary.AppendUvarint(b, uint64(r.seen-1000*r.created))
	b = binary.AppendUvarint(b, uint64(r.rememberFor))
	b = appendString(b, r.root)
	b = appendString(b, r.lineage)
	b = appendString(b, r.user)
	b = appendString(b, r.mark)
	b = appendString(b, r.foreign)
	if r.spilled != "" {
		b = appendString(b, r.spilled)
	}
	b = binary.AppendUvarint(b, uint64(len(r.entries)))
	for _, e := range r.entries {
		b = appendString(b, e.name)
		b = binary.AppendUvarint(b, uint64(e.version))
		b = appendString(b, e.raw)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// maxSeconds keeps times and durations within what package time can hold.
const maxSeconds = 1 << 33

// maxVersion bounds KeyConfig.Version.
const maxVersion = 1 << 20

// maxRemember is the longest time for which a session may be remembered, in seconds.
const maxRemember = 100 * 366 * 24 * 3600

// parseRecord decodes the output of append, and accepts nothing else.
func parseRecord(b []byte) (record, error) {
	if len(b) == 1 && b[0] == formatEnded || len(b) == tombstoneSize && b[0] == formatMoved {
		return record{}, errEnded
	}
	if len(b) == 0 || b[0] != formatRecord && b[0] != formatPart {
		return record{}, errFormat
	}
	p := parser{text: string(b[1:])} // one copy; every string below is a part of it
	var r record
	r.created = int64(p.uvarint(maxSeconds))
	r.issued = r.created + int64(p.uvarint(maxSeconds))
	r.seen = 1000*r.created + int64(p.uvarint(1000*maxSeconds))
	r.rememberFor = int64(p.uvarint(maxSeconds))
	r.root = p.string()
	r.lineage = p.string()
	r.user = p.string()
	r.mark = p.string()
	r.foreign = p.string()
	if b[0] == formatPart {
		if r.spilled = p.string(); len(r.spilled) != sha256.Size {
			p.bad = true
		}
	}
	if n := int(p.uvarint(uint64(len(p.text) / 3))); n > 0 { // an entry has at least 3 bytes
		r.entries = make([]entry, n)
	}
	for i := range r.entries {
		e := &r.entries[i]
		e.name = p.string()
		e.version = int(p.uvarint(maxVersion))
		e.raw = p.string()
		if i > 0 && e.name <= r.entries[i-1].name {
			p.bad = true
		}
	}
	if p.bad || p.text != "" || r.root != "" && len(r.root) != sha256.Size || r.lineage != "" && len(r.lineage) != lineageSize || r.mark != "" && len(r.mark) != revisionSize {
		return record{}, errFormat
	}
	return r, nil
}

// parser decodes a record. After the first fault it returns only zero values.
type parser struct {
	text string
	bad  bool
}

// uvarint reads an unsigned varint in its shortest form, at most limit.
func (p *parser) uvarint(limit uint64) uint64 {
	var v uint64
	for i := 0; i < len(p.text) && i < 9; i++ {
		c := p.text[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			if v > limit || i > 0 && c == 0 {
				break
			}
			p.text = p.text[i+1:]
			return v
		}
	}
	p.bad, p.text = true, ""
	return 0
}

func (p *parser) string() string { return p.bytes(p.uvarint(uint64(len(p.text)))) }

func (p *parser) bytes(n uint64) string {
	if n > uint64(len(p.text)) {
		p.bad, n = true, 0
	}
	s := p.text[:n]
	p.text = p.text[n:]
	return s
}

// limits are the timeouts of a manager; zero means none.
type limits struct {
	idle, absolute time.Duration
}

// end returns when the session ends whatever the visitor does; the zero time is never.
func (l limits) end(r *record) time.Time {
	switch {
	case r.rememberFor > 0:
		return time.Unix(r.created+r.rememberFor, 0)
	case l.absolute > 0:
		return time.Unix(r.created, 0).Add(l.absolute)
	}
	return time.Time{}
}

// deadline returns when the session ends if it is last used at seen; the zero time is never.
func (l limits) deadline(r *record, seen time.Time) time.Time {
	end := l.end(r)
	if l.idle <= 0 || r.rememberFor > 0 {
		return end
	}
	idle := seen.Add(l.idle)
	if end.IsZero() || idle.Before(end) {
		return idle
	}
	return end
}

// touchEvery returns by how much a deadline must move before it is written again.
func (l limits) touchEvery() time.Duration { return l.idle / 10 }

// seenAt returns the value of seen for a record that is used at now.
func (r *record) seenAt(now time.Time) int64 { return max(now.UnixMilli(), 1000*r.created) }

// skew is how far in the future the times of a record may lie, because the clock of another
// node may be ahead.
const skew = time.Minute
