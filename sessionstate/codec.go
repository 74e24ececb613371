package sessionstate

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
)

// box is the kind of a sealed value. It is the first byte of the value and is authenticated,
// so one kind never passes for another.
type box byte

const (
	boxRecord box = 1 // id and record: cookie mode
	boxID     box = 2 // id alone: server mode
	boxFlash  box = 3 // flash messages
	boxVisit  box = 4 // a visit: cookie mode
)

// The subkeys are derived from each secret, one for each purpose.
const (
	infoSeal = "sessionstate/v1/enc"
	infoLog  = "sessionstate/v1/log"
	infoCSRF = "sessionstate/v1/csrf"
	infoMove = "sessionstate/v1/move"
)

// Why a value was not opened. The text is the Reason of observe.SessionRefused.
var (
	errTooLong    = errors.New("too long")
	errNotBase64  = errors.New("not base64")
	errTruncated  = errors.New("truncated")
	errOtherKind  = errors.New("another version or kind")
	errUnknownKey = errors.New("sealed with an unknown key: one that is no longer in Config.Secrets, or that of another app on this host with the same Cookie.Name")
	errForged     = errors.New("not authentic")
)

// codec seals the values of cookies: AES-256-GCM with random nonces, bound to the kind, the
// key and the cookie's name.
//
//	value      = base64url(kind ‖ kid ‖ nonce[12] ‖ ciphertext ‖ tag[16])
//	additional = kind ‖ kid ‖ name
type codec struct {
	keys []sealKey // the first seals, all open
}

type sealKey struct {
	kid  byte
	aead cipher.AEAD // makes and prepends its own nonces
}

// newCodec derives the keys of secrets that have been validated.
func newCodec(secrets []Secret) (*codec, error) {
	c := &codec{keys: make([]sealKey, len(secrets))}
	for i, s := range secrets {
		key, err := subkey(s, infoSeal)
		if err != nil {
			return nil, err
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, err
		}
		c.keys[i] = sealKey{kid: s.kid(), aead: aead}
	}
	return c, nil
}

func subkey(s Secret, info string) ([]byte, error) {
	return hkdf.Key(sha256.New, s.Key, nil, info, 32)
}

// sealOverhead is how many bytes sealing adds before base64: kind, kid, nonce and tag.
const sealOverhead = 2 + 12 + 16

// sealedLen is the length of the value that seals n bytes.
func sealedLen(n int) int { return encoding.EncodedLen(n + sealOverhead) }

// seal encrypts plain, always with the first key.
func (c *codec) seal(kind box, name string, plain []byte) string {
	k := &c.keys[0]
	buf := make([]byte, 0, sealOverhead+len(plain)+len(name)+2)
	buf = append(buf, byte(kind), k.kid)
	end := sealOverhead + len(plain)
	additional := append(buf[end:end], byte(kind), k.kid)
	additional = append(additional, name...)
	buf = k.aead.Seal(buf, nil, plain, additional)
	return encoding.EncodeToString(buf)
}

// open decrypts value. stale says that it was sealed with another key than
// the first and should be sealed again.
func (c *codec) open(kind box, name, value string) (plain []byte, stale bool, err error) {
	if len(name)+len(value) > maxCookie {
		return nil, false, errTooLong
	}
	// The additional data goes behind the box into the same buffer.
	n := encoding.DecodedLen(len(value))
	if n < sealOverhead {
		return nil, false, errTruncated
	}
	buf := make([]byte, n, n+2+len(name))
	// Decode skips line breaks, and then returns fewer bytes.
	if got, err := encoding.Decode(buf, []byte(value)); err != nil || got != n {
		return nil, false, errNotBase64
	}
	if box(buf[0]) != kind {
		return nil, false, errOtherKind
	}
	tried := false
	for i := range c.keys {
		k := &c.keys[i]
		if k.kid != buf[1] {
			continue
		}
		if tried { // a key with the same kid, which has overwritten the box
			_, _ = encoding.Decode(buf[:n], []byte(value)) // it succeeded before
		}
		additional := append(buf[n:n], buf[:2]...)
		additional = append(additional, name...)
		if plain, err = k.aead.Open(buf[2:2], nil, buf[2:n], additional); err == nil {
			return plain, i > 0, nil
		}
		tried = true
	}
	if tried {
		return nil, false, errForged
	}
	return nil, false, errUnknownKey
}
