package tier

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"github.com/reecho-go/reecho/internal/wire"
)

// record is the value in a store for one key: a result, or a tombstone, which says that
// the result was deleted.
//
//	magic 1, format 1, checksum 4, kind 1,
//	codec, schema 8, key,
//	epoch 16, clears, written 8, fresh 8, stale 8, took 8,
//	tags, each one; etag, modified 8; value
//
// Numbers are big-endian, lengths and clears are varints, and a part with a length
// begins with it. The checksum is CRC-32C of all that follows it.
type record struct {
	kind     kind
	codec    string
	schema   uint64
	key      []byte // canonical
	mark     mark   // the clears that were known when its load began
	written  int64  // nanoseconds since 1970
	freshFor time.Duration
	staleFor time.Duration
	took     time.Duration
	tags     []string
	etag     string
	modify   int64 // nanoseconds since 1970; none: 0
	value    []byte
}

type kind byte

const (
	isResult    kind = 1 + iota
	isTombstone      // the result was deleted, and a load that began before must not store
)

const (
	recordMagic  = 0xEC
	recordFormat = 1
	headerBytes  = 2 + 4
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	errForeign   = errors.New("it is no record of a cache")
	errFormat    = errors.New("it has the format of another version of the toolkit")
	errChecksum  = errors.New("it does not have its checksum")
	errMalformed = errors.New("it is not well-formed")
)

func (r *record) encode() []byte {
	b := make([]byte, headerBytes, headerBytes+len(r.key)+len(r.value)+len(r.codec)+128)
	b[0], b[1] = recordMagic, recordFormat
	b = append(b, byte(r.kind))
	b = wire.AppendText(b, r.codec)
	b = binary.BigEndian.AppendUint64(b, r.schema)
	b = wire.AppendText(b, r.key)
	b = append(b, r.mark.epoch[:]...)
	b = binary.AppendUvarint(b, r.mark.clears)
	b = binary.BigEndian.AppendUint64(b, uint64(r.written))
	b = binary.BigEndian.AppendUint64(b, uint64(r.freshFor))
	b = binary.BigEndian.AppendUint64(b, uint64(r.staleFor))
	b = binary.BigEndian.AppendUint64(b, uint64(r.took))
	b = wire.AppendTexts(b, r.tags)
	b = wire.AppendText(b, r.etag)
	b = binary.BigEndian.AppendUint64(b, uint64(r.modify))
	b = append(b, r.value...)
	binary.BigEndian.PutUint32(b[2:], crc32.Checksum(b[headerBytes:], castagnoli))
	return b
}

// decodeRecord reads a record and checks all of it. The record keeps b.
func decodeRecord(b []byte) (*record, error) {
	switch {
	case len(b) < headerBytes || b[0] != recordMagic:
		return nil, errForeign
	case b[1] != recordFormat:
		return nil, errFormat
	case crc32.Checksum(b[headerBytes:], castagnoli) != binary.BigEndian.Uint32(b[2:]):
		return nil, errChecksum
	}
	in := wire.Reader{Rest: b[headerBytes:]}
	r := &record{kind: kind(in.Byte())}
	r.codec = string(in.Text())
	r.schema = in.Uint64()
	r.key = in.Text()
	copy(r.mark.epoch[:], in.Take(epochBytes))
	r.mark.clears = in.Uvarint()
	r.written = int64(in.Uint64())
	r.freshFor = time.Duration(in.Uint64())
	r.staleFor = time.Duration(in.Uint64())
	r.took = time.Duration(in.Uint64())
	if tags := in.Texts(len(in.Rest)); len(tags) > 0 {
		r.tags = tags
	}
	r.etag = string(in.Text())
	r.modify = int64(in.Uint64())
	r.value = in.Rest
	if in.Failed || r.kind != isResult && r.kind != isTombstone || r.freshFor < 0 || r.staleFor < 0 || r.took < 0 {
		return nil, errMalformed
	}
	return r, nil
}

// fits reports why a record is not the result of a key in this cache.
func (t *Tier) fits(r *record, key []byte) error {
	switch {
	case r.codec != t.codecName:
		return fmt.Errorf("it was written by the codec %q, and the cache has %q", r.codec, t.codecName)
	case r.schema != t.schema:
		return errors.New("it was written for another version of the cache, or for other types of keys and results")
	case !bytes.Equal(r.key, key):
		return errors.New("it is of another key")
	}
	return nil
}

// lifetime returns how long after its load a result may be served, fresh or stale.
func (r *record) lifetime() time.Duration {
	if r.freshFor > forever-r.staleFor {
		return forever
	}
	return r.freshFor + r.staleFor
}

// forever is the freshness of a result that does not expire.
const forever = time.Duration(math.MaxInt64)
