package boltstore

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"time"

	"github.com/reecho-go/reecho/store"
)

// The file has two buckets: the records by key, and the keys by deadline.
//
//	data  'k' key                  -> checksum 4, version 8, deadline 8, value
//	due   deadline 8, version 8    -> key
//	meta  "format"                 -> 1
//	      "counters"               -> entries 8, bytes 8
//
// All numbers are big-endian, so that keys sort by deadline and then by write.
// A deadline is in Unix milliseconds, at least 0; never is the greatest one. The checksum
// is CRC-32C of the key and of all that follows the checksum. The sequence of
// the bucket of records is the greatest version given.
const (
	headerSize   = 4 + 8 + 8
	deadlineSize = 8 + 8
	never        = math.MaxInt64
	format       = 1
)

var (
	dataBucket   = []byte("data")
	dueBucket    = []byte("due")
	metaBucket   = []byte("meta")
	formatKey    = []byte("format")
	countersKey  = []byte("counters")
	castagnoli   = crc32.MakeTable(crc32.Castagnoli)
	bigEndian    = binary.BigEndian
	dataKeyStart = byte('k') // bbolt has no empty keys, and the contract has
)

// record is the stored form of an item. value is memory of the file.
type record struct {
	version  uint64
	deadline int64
	value    []byte
}

func dataKey(key string) []byte {
	return append(append(make([]byte, 0, 1+len(key)), dataKeyStart), key...)
}

// encode makes the bytes under a key of the bucket of records.
func (r record) encode(dataKey []byte) []byte {
	b := make([]byte, headerSize, headerSize+len(r.value))
	bigEndian.PutUint64(b[4:], r.version)
	bigEndian.PutUint64(b[12:], uint64(r.deadline))
	b = append(b, r.value...)
	bigEndian.PutUint32(b, checksum(dataKey, b[4:]))
	return b
}

// decode checks and parses the bytes under a key.
func decode(dataKey, b []byte) (record, error) {
	if len(b) < headerSize || bigEndian.Uint32(b) != checksum(dataKey, b[4:]) {
		return record{}, corrupt("the value of %.40q does not have its checksum", dataKey[1:])
	}
	return record{version: bigEndian.Uint64(b[4:]), deadline: int64(bigEndian.Uint64(b[12:])), value: b[headerSize:]}, nil
}

func checksum(dataKey, rest []byte) uint32 {
	return crc32.Update(crc32.Checksum(dataKey, castagnoli), castagnoli, rest)
}

// dueKey returns the key of a record in the bucket of deadlines.
func (r record) dueKey() []byte {
	b := make([]byte, deadlineSize)
	bigEndian.PutUint64(b, uint64(r.deadline))
	bigEndian.PutUint64(b[8:], r.version)
	return b
}

// deadline returns a time in Unix milliseconds, rounded down. Times before 1970 become 0.
func deadline(at time.Time) int64 {
	switch {
	case at.IsZero():
		return never
	case at.Unix() < 0: // it has passed anyway, and keys are unsigned
		return 0
	case at.Unix() >= never/1000:
		return never - 1
	}
	return at.UnixMilli()
}

// gone reports whether the record has expired.
func (r record) gone(now int64) bool { return r.deadline != never && r.deadline <= now }

// size returns the bytes that a record counts towards the bound.
func size(key string, value []byte) int64 { return int64(len(key)) + int64(len(value)) + Overhead }

// item returns a copy for the caller.
func (r record) item() store.Item {
	it := store.Item{Value: append(make([]byte, 0, len(r.value)), r.value...), Version: r.version}
	if r.deadline != never {
		it.Expires = time.UnixMilli(r.deadline)
	}
	return it
}

// counters are kept in the file, in the transaction of each write.
type counters struct{ entries, bytes int64 }

func (c counters) encode() []byte {
	b := make([]byte, 16)
	bigEndian.PutUint64(b, uint64(c.entries))
	bigEndian.PutUint64(b[8:], uint64(c.bytes))
	return b
}

func decodeCounters(b []byte) (counters, error) {
	if len(b) != 16 {
		return counters{}, corrupt("the counters have %d bytes, want 16", len(b))
	}
	return counters{entries: int64(bigEndian.Uint64(b)), bytes: int64(bigEndian.Uint64(b[8:]))}, nil
}
