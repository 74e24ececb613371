package boltstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// What is on a page of a bbolt file of version 2. Numbers are in the byte order
// of the machine.
const (
	pageHeader   = 16 // id 8, flags 2, count 2, overflow 4
	elementSize  = 16 // branch: pos 4, ksize 4, id 8; leaf: flags 4, pos 4, ksize 4, vsize 4
	bucketHeader = 16 // root 8, sequence 8
	metaSize     = 64 // magic 4, version 4, page size 4, flags 4, root 16, freelist 8, end 8, transaction 8, checksum 8

	branchFlag   = 0x01
	leafFlag     = 0x02
	metaFlag     = 0x04
	freelistFlag = 0x10
	bucketFlag   = 0x01

	magic       = 0xED0CDAED
	fileVersion = 2
	noFreelist  = ^uint64(0)

	maxDepth    = 64
	maxPageSize = 64 << 10
)

var native = binary.NativeEndian

// meta is one of the two pages that name the other parts of the file.
type meta struct {
	pageSize                     uint64
	root, freelist, end, written uint64
}

// parseMeta reads the page with that number.
func parseMeta(b []byte, id uint64) (meta, bool) {
	if len(b) < pageHeader+metaSize || native.Uint64(b) != id || native.Uint16(b[8:]) != metaFlag {
		return meta{}, false
	}
	b = b[pageHeader:]
	h := fnv.New64a()
	_, _ = h.Write(b[:metaSize-8])
	if native.Uint32(b) != magic || native.Uint32(b[4:]) != fileVersion || native.Uint64(b[metaSize-8:]) != h.Sum64() {
		return meta{}, false
	}
	m := meta{
		pageSize: uint64(native.Uint32(b[8:])),
		root:     native.Uint64(b[16:]), freelist: native.Uint64(b[32:]), end: native.Uint64(b[40:]), written: native.Uint64(b[48:]),
	}
	return m, m.pageSize >= 512 && m.pageSize <= maxPageSize && m.pageSize&(m.pageSize-1) == 0 && m.written%2 == id
}

// verifier reads a file without trusting it.
type verifier struct {
	file io.ReaderAt
	size uint64
	meta meta
	seen []bool // pages that are in use, by id
}

// verify checks every page that can be reached, the list of free pages, and
// every value. The error wraps errCorrupt if any of it cannot be right.
func verify(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	v := &verifier{file: f, size: uint64(info.Size())}
	if err := v.findMeta(); err != nil {
		return err
	}
	v.seen = make([]bool, v.meta.end)
	v.seen[0], v.seen[1] = true, true
	buckets := make(map[string]bucketRef)
	if err := v.tree(v.meta.root, func(flags uint32, key, value []byte) error {
		if flags&bucketFlag == 0 || len(value) < bucketHeader {
			return corrupt("%.40q is no bucket", key)
		}
		buckets[string(key)] = bucketRef{root: native.Uint64(value), inline: bytes.Clone(value[bucketHeader:])}
		return nil
	}); err != nil {
		return err
	}
	if len(buckets) == 0 { // made, and not used yet
		return v.freePages()
	}
	for _, name := range [][]byte{dataBucket, dueBucket, metaBucket} {
		if _, ok := buckets[string(name)]; !ok {
			return foreign(path)
		}
	}
	if len(buckets) != 3 {
		return foreign(path)
	}
	if err := v.contents(path, buckets); err != nil {
		return err
	}
	return v.freePages()
}

// foreign returns the error for a file of another program.
func foreign(path string) error {
	return fmt.Errorf("boltstore: %s is a file of another program: name a file that is not there yet", path)
}

type bucketRef struct {
	root   uint64
	inline []byte // the page, if root is 0
}

// findMeta reads the two pages of which the newer one counts. bbolt is content with
// one that is right, and then goes back by a transaction: what was deleted would be
// there again. Each is smaller than what a disk writes at once, so that both are
// right after a crash as well.
func (v *verifier) findMeta() error {
	b := make([]byte, pageHeader+metaSize)
	if _, err := v.file.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("boltstore: %w", err)
	}
	m0, ok := parseMeta(b, 0)
	if !ok {
		return corrupt("the first page is not right")
	}
	if _, err := v.file.ReadAt(b, int64(m0.pageSize)); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("boltstore: %w", err)
	}
	m1, ok := parseMeta(b, 1)
	switch {
	case !ok || m1.pageSize != m0.pageSize:
		return corrupt("the second page is not right")
	case m1.written == m0.written+1:
		v.meta = m1
	case m0.written == m1.written+1:
		v.meta = m0
	default:
		return corrupt("the first two pages are of transactions %d and %d, which do not follow each other", m0.written, m1.written)
	}
	if pages := v.size / v.meta.pageSize; v.meta.end < 2 || v.meta.end > pages {
		return corrupt("the file has %d pages, and says %d", pages, v.meta.end)
	}
	return nil
}

// page reads a page with what overflows it, and notes that it is in use.
func (v *verifier) page(id uint64) ([]byte, error) {
	if id < 2 || id >= v.meta.end {
		return nil, corrupt("page %d is not in the file", id)
	}
	header := make([]byte, pageHeader)
	if err := v.read(header, id); err != nil {
		return nil, err
	}
	overflow := uint64(native.Uint32(header[12:]))
	if overflow >= v.meta.end-id {
		return nil, corrupt("page %d ends behind the file", id)
	}
	for i := id; i <= id+overflow; i++ {
		if v.seen[i] {
			return nil, corrupt("page %d is used twice", i)
		}
		v.seen[i] = true
	}
	b := make([]byte, (1+overflow)*v.meta.pageSize)
	if err := v.read(b, id); err != nil {
		return nil, err
	}
	if got := native.Uint64(b); got != id {
		return nil, corrupt("page %d says that it is page %d", id, got)
	}
	return b, nil
}

func (v *verifier) read(b []byte, id uint64) error {
	if _, err := v.file.ReadAt(b, int64(id*v.meta.pageSize)); err != nil {
		return corrupt("page %d cannot be read: %v", id, err)
	}
	return nil
}

// tree calls leaf for each element below a page, in order.
func (v *verifier) tree(root uint64, leaf func(flags uint32, key, value []byte) error) error {
	w := &walker{v: v, leaf: leaf}
	b, err := v.page(root)
	if err != nil {
		return err
	}
	return w.walk(b, 0)
}

// walker visits the pages of one tree.
type walker struct {
	v    *verifier
	leaf func(flags uint32, key, value []byte) error
	last []byte // the key before; nil at the start
}

func (w *walker) walk(b []byte, depth int) error {
	if depth > maxDepth {
		return corrupt("a tree is deeper than %d pages", maxDepth)
	}
	flags, count := native.Uint16(b[8:]), int(native.Uint16(b[10:]))
	if flags != branchFlag && flags != leafFlag || count*elementSize > len(b)-pageHeader || flags == branchFlag && count == 0 {
		return corrupt("a page with flags %#x has %d elements", flags, count)
	}
	for i := range count {
		at := pageHeader + i*elementSize
		e := b[at:]
		if flags == branchFlag {
			key, ok := cut(e, native.Uint32(e), native.Uint32(e[4:]))
			if !ok {
				return corrupt("a key lies outside its page")
			}
			// A key of a branch is not greater than the first one below it.
			if w.last != nil && bytes.Compare(key, w.last) <= 0 {
				return corrupt("a branch is not in order")
			}
			page, err := w.v.page(native.Uint64(e[8:]))
			if err != nil {
				return err
			}
			first, ok := firstKey(page)
			if !ok || bytes.Compare(key, first) > 0 || i > 0 && len(key) == 0 {
				return corrupt("a branch does not lead to its key")
			}
			if err := w.walk(page, depth+1); err != nil {
				return err
			}
			continue
		}
		pos, ksize, vsize := native.Uint32(e[4:]), native.Uint32(e[8:]), native.Uint32(e[12:])
		key, ok := cut(e, pos, ksize)
		value, ok2 := cut(e, pos+ksize, vsize)
		if !ok || !ok2 || pos+ksize < pos {
			return corrupt("a value lies outside its page")
		}
		if w.last != nil && bytes.Compare(key, w.last) <= 0 || len(key) == 0 {
			return corrupt("a page is not in order")
		}
		w.last = append(w.last[:0], key...)
		if err := w.leaf(native.Uint32(e), key, value); err != nil {
			return err
		}
	}
	return nil
}

// firstKey is the key of the first element of a page.
func firstKey(b []byte) ([]byte, bool) {
	if native.Uint16(b[10:]) == 0 || len(b) < pageHeader+elementSize {
		return nil, false
	}
	e := b[pageHeader:]
	if native.Uint16(b[8:]) == branchFlag {
		return cut(e, native.Uint32(e), native.Uint32(e[4:]))
	}
	return cut(e, native.Uint32(e[4:]), native.Uint32(e[8:]))
}

// cut returns a part of the page that begins pos bytes after the start of an element.
func cut(e []byte, pos, size uint32) ([]byte, bool) {
	from, to := uint64(pos), uint64(pos)+uint64(size)
	if to > uint64(len(e)) {
		return nil, false
	}
	return e[from:to], true
}

// contents checks the three buckets.
func (v *verifier) contents(path string, buckets map[string]bucketRef) error {
	var found, noted counters
	due := make(map[string]string) // key by deadline, as the records have it
	newer := false
	err := v.bucket(buckets[string(dataBucket)], func(flags uint32, key, value []byte) error {
		r, err := decode(key, value)
		if err != nil {
			return err
		}
		if flags != 0 || key[0] != dataKeyStart {
			return corrupt("%.40q is no key of the store", key)
		}
		found.entries++
		found.bytes += size(string(key[1:]), r.value)
		due[string(r.dueKey())] = string(key[1:])
		return nil
	})
	if err != nil {
		return err
	}
	if err := v.bucket(buckets[string(dueBucket)], func(flags uint32, key, value []byte) error {
		if at, ok := due[string(key)]; flags != 0 || !ok || at != string(value) {
			return corrupt("the deadline of %.40q is not that of its value", value)
		}
		delete(due, string(key))
		return nil
	}); err != nil {
		return err
	}
	if len(due) > 0 {
		return corrupt("%d values have no deadline", len(due))
	}
	if err := v.bucket(buckets[string(metaBucket)], func(flags uint32, key, value []byte) (err error) {
		switch string(key) {
		case string(formatKey):
			newer = flags != 0 || len(value) != 1 || value[0] != format
		case string(countersKey):
			noted, err = decodeCounters(value)
		}
		return err
	}); err != nil {
		return err
	}
	if newer {
		return fmt.Errorf("boltstore: %s was written by a newer version: use that one, or another file", path)
	}
	if found != noted {
		return corrupt("there are %d entries of %d bytes, and the file says %d of %d", found.entries, found.bytes, noted.entries, noted.bytes)
	}
	return nil
}

// bucket calls leaf for each element of a bucket.
func (v *verifier) bucket(ref bucketRef, leaf func(flags uint32, key, value []byte) error) error {
	if ref.root != 0 {
		return v.tree(ref.root, leaf)
	}
	if len(ref.inline) < pageHeader || native.Uint16(ref.inline[8:]) != leafFlag {
		return corrupt("a small bucket is no page")
	}
	return (&walker{v: v, leaf: leaf}).walk(ref.inline, 0)
}

// freePages checks the list of free pages: bbolt writes over what it names.
func (v *verifier) freePages() error {
	if v.meta.freelist == noFreelist {
		return nil
	}
	b, err := v.page(v.meta.freelist)
	if err != nil {
		return err
	}
	if native.Uint16(b[8:]) != freelistFlag {
		return corrupt("the list of free pages is not where it should be")
	}
	count, ids := uint64(native.Uint16(b[10:])), b[pageHeader:]
	if count == 0xFFFF {
		count, ids = native.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids)/8) {
		return corrupt("the list of free pages is too long")
	}
	last := uint64(1)
	for i := range count {
		id := native.Uint64(ids[8*i:])
		if id <= last || id >= v.meta.end || v.seen[id] {
			return corrupt("page %d is free and in use, or named twice", id)
		}
		last = id
	}
	return nil
}

// looksLikeOurs reports whether a file whose first pages are invalid was written by bbolt, by
// its other pages, or is empty.
func looksLikeOurs(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // only read
	pageSize := int64(os.Getpagesize())
	empty, pages := true, 0
	b := make([]byte, pageSize)
	if n, _ := f.ReadAt(b, 0); n >= pageHeader+4 && native.Uint32(b[pageHeader:]) == magic { // a short file is one, too
		return true
	}
	for id := range int64(64) {
		n, err := f.ReadAt(b, id*pageSize)
		empty = empty && len(bytes.Trim(b[:n], "\x00")) == 0
		if err != nil {
			break
		}
		switch flags := native.Uint16(b[8:]); {
		case native.Uint64(b) != uint64(id):
		case flags == branchFlag, flags == leafFlag, flags == freelistFlag:
			pages++
		}
	}
	return empty || pages >= 2
}
