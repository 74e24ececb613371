package sessionstate

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
)

// An id that was renewed by time leaves a tombstone that leads to the new id.
// Stores must not hold ids that can be used, so it is sealed with a key that
// only who has the old id can make.

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
func sealMoved(old, next sessionID) ([]byte, error) {
	aead, err := movedKey(old)
	if err != nil {
		return nil, err
	}
	return aead.Seal([]byte{formatMoved}, nil, next[:], nil), nil
}

// openMoved returns where a tombstone of old leads, if it is one.
func openMoved(old sessionID, value []byte) (next sessionID, ok bool) {
	if len(value) == 0 || value[0] != formatMoved {
		return next, false
	}
	aead, err := movedKey(old)
	if err != nil {
		return next, false
	}
	plain, err := aead.Open(nil, nil, value[1:], nil)
	if err != nil || len(plain) != idSize {
		return next, false
	}
	return sessionID(plain), true
}
