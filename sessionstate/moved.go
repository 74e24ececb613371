package sessionstate

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// An id that was renewed by time leaves a tombstone that leads to the new id.
// Stores must not hold ids that can be used, so it is sealed with a key that
// only who has the old id can make. It says itself how long it leads there: its
// entry in the store may live longer, when a request that was under way touches
// it.

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

// sealMoved makes the tombstone of old.
func sealMoved(old, next sessionID, until time.Time) ([]byte, error) {
	aead, err := movedKey(old)
	if err != nil {
		return nil, err
	}
	plain := binary.BigEndian.AppendUint64(next[:idSize:idSize], uint64(until.UnixMilli()))
	return aead.Seal([]byte{formatMoved}, nil, plain, nil), nil
}

// openMoved returns where a tombstone of old leads, if it is one that does, and
// until when it leads cookies there.
func openMoved(old sessionID, value []byte) (next sessionID, until time.Time, ok bool) {
	if len(value) == 0 || value[0] != formatMoved {
		return next, until, false
	}
	aead, err := movedKey(old)
	if err != nil {
		return next, until, false
	}
	plain, err := aead.Open(nil, nil, value[1:], nil)
	if err != nil || len(plain) != idSize+8 {
		return next, until, false
	}
	return sessionID(plain), time.UnixMilli(int64(binary.BigEndian.Uint64(plain[idSize:]))), true
}
