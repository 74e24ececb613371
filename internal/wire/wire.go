// Package wire writes texts as bytes, each behind its length, and lists of them behind
// theirs. It takes apart what was written so, numbers too, and believes nothing of it.
package wire

import "encoding/binary"

// AppendText appends a text. No text can be taken for two, or for the start of another.
func AppendText[T ~string | ~[]byte](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// AppendTexts appends a list, which is not the same as its elements.
func AppendTexts(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, text := range list {
		b = AppendText(b, text)
	}
	return b
}

// Reader takes parts from bytes. Once there are too few it has failed, and returns
// zeros.
type Reader struct {
	Rest   []byte
	Failed bool
}

// Fail has r fail.
func (r *Reader) Fail() { r.Failed, r.Rest = true, nil }

// Take returns the next n bytes, which are not copied; nil: there are fewer.
func (r *Reader) Take(n uint64) []byte {
	if n > uint64(len(r.Rest)) {
		r.Fail()
		return nil
	}
	part := r.Rest[:n:n]
	r.Rest = r.Rest[n:]
	return part
}

// Byte returns a byte.
func (r *Reader) Byte() byte {
	if b := r.Take(1); b != nil {
		return b[0]
	}
	return 0
}

// Uint64 returns a number of eight bytes, big-endian.
func (r *Reader) Uint64() uint64 {
	if b := r.Take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// Uvarint returns a number of encoding/binary's variable length.
func (r *Reader) Uvarint() uint64 {
	v, n := binary.Uvarint(r.Rest)
	if n <= 0 {
		r.Fail()
		return 0
	}
	r.Rest = r.Rest[n:]
	return v
}

// Text returns what begins with its length; it is not copied.
func (r *Reader) Text() []byte { return r.Take(r.Uvarint()) }

// Count returns the length of a list, at most that, whose elements take a byte each at
// least.
func (r *Reader) Count(most int) int {
	n := r.Uvarint()
	if n > uint64(most) || n > uint64(len(r.Rest)) { // most is not negative
		r.Fail()
		return 0
	}
	return int(n) // it is not more than most
}

// Texts returns a list of at most that many texts, copied and not nil.
func (r *Reader) Texts(most int) []string {
	all := make([]string, 0, r.Count(most))
	for range cap(all) {
		all = append(all, string(r.Text()))
	}
	return all
}
