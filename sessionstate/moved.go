package sessionstate

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// A renewed id leaves a tombstone with the digest of the new id, by which a logout under
// way with the old id ends the new one. If RenewEvery has renewed the id, the tombstone
// also leads cookies to the new id. Stores must not hold usable ids, so this part is sealed
// with a key that is derived from the old id. It contains the time until which it leads
// cookies, because a touch by a request under way may prolong its entry in the store.

// tombstoneFor makes the tombstone of an id that next has replaced.
func tombstoneFor(next sessionID) []byte {
	sum := next.sum()
	return append([]byte{formatMoved}, sum[:]...)
}

// nextOf returns the digest of the id that a tombstone names.
func nextOf(value []byte) (sum [sha256.Size]byte, ok bool) {
	if len(value) < tombstoneSize || value[0] != formatMoved {
		return sum, false
	}
	return [sha256.Size]byte(value[1:tombstoneSize]), true
}

func movedKey(old sessionID) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, old[:], nil, infoMove, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// sealMoved makes a tombstone of old that leads cookies to next until that time.
func sealMoved(old, next sessionID, until time.Time) ([]byte, error) {
	aead, err := movedKey(old)
	if err != nil {
		return nil, err
	}
	plain := binary.BigEndian.AppendUint64(next[:idSize:idSize], uint64(until.UnixMilli()))
	return aead.Seal(tombstoneFor(next), nil, plain, nil), nil
}

// openMoved returns the id to which a tombstone of old leads, and until when it leads cookies
// there. It reports false for a value that does not lead to an id.
func openMoved(old sessionID, value []byte) (next sessionID, until time.Time, ok bool) {
	if len(value) <= tombstoneSize || value[0] != formatMoved {
		return next, until, false
	}
	aead, err := movedKey(old)
	if err != nil {
		return next, until, false
	}
	plain, err := aead.Open(nil, nil, value[tombstoneSize:], nil)
	if err != nil || len(plain) != idSize+8 {
		return next, until, false
	}
	return sessionID(plain), time.UnixMilli(int64(binary.BigEndian.Uint64(plain[idSize:]))), true
}
