package tier

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// Sealed is b as a record with the right start and checksum.
func Sealed(b []byte) []byte {
	b = slices.Clone(b)
	if len(b) < headerBytes {
		return b
	}
	b[0], b[1] = recordMagic, recordFormat
	binary.BigEndian.PutUint32(b[2:], crc32.Checksum(b[headerBytes:], castagnoli))
	return b
}
