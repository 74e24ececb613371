package canon

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"unsafe"
)

// StoreName returns the name of *k in a shared store and the bytes that
// identify it there, which the store's reader must compare: names can collide.
// The name is the fingerprint, "-" and the first 16 bytes of the SHA-256 of
// canonical, in hex. canonical is the [ShapeFingerprint] of K in eight bytes,
// so that a changed K finds nothing of the old one, and then what Append gives.
func (p *Untyped) StoreName(k unsafe.Pointer) (name string, canonical []byte, err error) {
	s := p.begin(binary.BigEndian.AppendUint64(nil, p.kind), k)
	s.hashing = true
	h, verr := s.run(p.root)
	canonical = s.buf
	p.end(s)
	if verr != nil {
		return "", nil, verr.finish(p.path())
	}
	sum := sha256.Sum256(canonical)
	return fmt.Sprintf("%016x-%x", h, sum[:16]), canonical, nil
}

// StoreName is [Untyped.StoreName] of k.
func (p *Plan[K]) StoreName(k K) (name string, canonical []byte, err error) {
	return p.Untyped.StoreName(unsafe.Pointer(&k))
}
