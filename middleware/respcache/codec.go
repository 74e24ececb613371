package respcache

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/reecho-go/reecho/internal/level"
	"github.com/reecho-go/reecho/internal/wire"
)

// pageCodec turns pages into bytes and back, for the store:
//
//	format 1, flags 1, ttl,
//	varyOn: each one;
//	status, etag, modified 8,
//	fields: each with its flags 1, name, values: each one;
//	parts: each with cache, fingerprint 8, sum 16, version, epoch 16, clears, kind 8,
//	tags: each one;
//	body
//
// Numbers with a length are big-endian, all others are varints. Texts and lists begin
// with their length. The time at which a page was made is not included: the store has it.
type pageCodec struct{}

const (
	pageFormat = 1

	maxFields = 1000 // headers of a page, and values of each

	// Flags of a page.
	isVaryMarker     = 1
	isMustRevalidate = 2
	hasModified      = 4

	// Flags of a field.
	isDeleted = 1
	isAdded   = 2
)

var errPage = errors.New("respcache: it is no page of this version of the toolkit")

// Marshal implements persist.Codec.
func (pageCodec) Marshal(v any) ([]byte, error) {
	p, ok := v.(*page)
	switch {
	case !ok || p == nil || p.why != "" || p.memoryOnly != "":
		return nil, fmt.Errorf("respcache: this %T is not for a store", v)
	case len(p.fields) > maxFields || slices.ContainsFunc(p.fields, func(f field) bool { return len(f.values) > maxFields }):
		return nil, fmt.Errorf("respcache: a response with more than %d headers is not for a store", maxFields)
	}
	var flags byte
	if p.varyOn != nil {
		flags |= isVaryMarker
	}
	if p.mustRevalidate {
		flags |= isMustRevalidate
	}
	var modified uint64
	if !p.modified.IsZero() {
		flags |= hasModified
		modified = uint64(p.modified.Unix()) // and back
	}
	b := make([]byte, 0, 256+p.size())
	b = append(b, pageFormat, flags)
	b = binary.AppendUvarint(b, uint64(max(p.ttl, 0))) // it is not negative
	b = wire.AppendTexts(b, p.varyOn)
	b = binary.AppendUvarint(b, uint64(max(p.status, 0))) // it is not negative
	b = wire.AppendText(b, p.etag)
	b = binary.BigEndian.AppendUint64(b, modified)
	b = binary.AppendUvarint(b, uint64(len(p.fields)))
	for _, f := range p.fields {
		var flags byte
		if f.values == nil {
			flags |= isDeleted
		}
		if f.add {
			flags |= isAdded
		}
		b = append(b, flags)
		b = wire.AppendText(b, f.name)
		b = wire.AppendTexts(b, f.values)
	}
	b = binary.AppendUvarint(b, uint64(len(p.parts)))
	for i := range p.parts {
		b = appendPart(b, &p.parts[i])
	}
	return append(b, p.body...), nil
}

func appendPart(b []byte, p *level.Part) []byte {
	b = wire.AppendText(b, p.Cache)
	b = binary.BigEndian.AppendUint64(b, p.Fingerprint)
	b = append(b, p.Sum[:]...)
	b = binary.AppendUvarint(b, p.Revision.Version)
	b = append(b, p.Revision.Clock.Epoch[:]...)
	b = binary.AppendUvarint(b, p.Revision.Clock.Clears)
	b = binary.BigEndian.AppendUint64(b, p.Revision.Clock.Kind)
	return wire.AppendTexts(b, p.Tags)
}

// Unmarshal implements persist.Codec. It checks all of data.
func (pageCodec) Unmarshal(data []byte, v any) error {
	in := &wire.Reader{Rest: data}
	if in.Byte() != pageFormat {
		return errPage
	}
	flags := in.Byte()
	p := &page{ttl: time.Duration(in.Uvarint()), mustRevalidate: flags&isMustRevalidate != 0} // it is looked at below
	if n := in.Texts(maxVaryFacts); flags&isVaryMarker != 0 {
		p.varyOn = n
	}
	status := in.Uvarint()
	p.etag = string(in.Text())
	if modified := in.Uint64(); flags&hasModified != 0 {
		p.modified = time.Unix(int64(modified), 0).UTC() // as it was
	}
	for range in.Count(maxFields) {
		flags := in.Byte()
		f := field{name: string(in.Text()), add: flags&isAdded != 0}
		if values := in.Texts(maxFields); flags&isDeleted == 0 {
			f.values = values
		}
		p.fields = append(p.fields, f)
	}
	for range in.Count(maxParts) {
		p.parts = append(p.parts, readPart(in))
	}
	if in.Failed || flags >= hasModified<<1 || p.ttl < 0 || status > 999 {
		return errPage
	}
	if p.status = int(status); status != 0 { // it is small
		p.length = strconv.Itoa(len(in.Rest))
	}
	p.body = bytes.Clone(in.Rest)
	if len(p.body) == 0 {
		p.body = nil
	}
	*v.(**page) = p
	return nil
}

func readPart(in *wire.Reader) level.Part {
	p := level.Part{Cache: string(in.Text()), Fingerprint: in.Uint64()}
	copy(p.Sum[:], in.Take(uint64(len(p.Sum))))
	p.Revision.Version = in.Uvarint()
	clock := new(level.Clock)
	copy(clock.Epoch[:], in.Take(uint64(len(clock.Epoch))))
	clock.Clears = in.Uvarint()
	clock.Kind = in.Uint64()
	p.Revision.Clock = clock
	if tags := in.Texts(maxTags); len(tags) > 0 {
		p.Tags = tags
	}
	return p
}
