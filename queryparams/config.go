package queryparams

import (
	"errors"
	"fmt"
	"math"
)

// Limits bounds the work that one query may cause. They are checked while the
// query is scanned, before anything is allocated for it. In each field 0
// means the default and a negative number means no limit.
type Limits struct {
	// MaxBytes is the length of the whole raw query; a longer one is answered
	// with 414. Default 8 KiB; at most 2 GiB whatever is set.
	MaxBytes int
	// MaxPairs is the number of key=value pairs. Default 256.
	MaxPairs int
	// MaxKeyLen is the length of one key in raw bytes. Default 128.
	MaxKeyLen int
	// MaxValueLen is the length of one value in raw bytes. Default 4 KiB.
	MaxValueLen int
	// MaxElements is the number of elements of one list or map whose field
	// has no maxitems tag, of all parameters of one list of structs, and of
	// those that a rest field collects.
	// Default 1000.
	MaxElements int
	// MaxErrors is the number of faults that are reported; the others are
	// counted. Default 20.
	MaxErrors int
}

// forRetained returns the limits for parameters that a schema does not read and that a
// link keeps: there is a limit for all of them together, but none for each.
func (l Limits) forRetained() *Limits {
	l.MaxKeyLen, l.MaxValueLen = l.MaxBytes, l.MaxBytes
	return &l
}

// withDefaults returns l with every field positive.
func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		n   *int
		def int
	}{
		{&l.MaxBytes, 8 << 10},
		{&l.MaxPairs, 256},
		{&l.MaxKeyLen, 128},
		{&l.MaxValueLen, 4 << 10},
		{&l.MaxElements, 1000},
		{&l.MaxErrors, 20},
	} {
		switch {
		case *f.n == 0:
			*f.n = f.def
		case *f.n < 0:
			*f.n = math.MaxInt32
		}
	}
	l.MaxBytes = min(l.MaxBytes, math.MaxInt32)
	return l
}

// SchemaConfig configures a [Schema]. The zero value is strict and safe.
type SchemaConfig struct {
	// Limits bounds a query. Default: see [Limits].
	Limits Limits
	// RejectUnknown makes each parameter that the schema does not have a fault,
	// which suggests the nearest known name. It conflicts with a rest field (a
	// url.Values tagged `query:",rest"`), which collects them. Default false:
	// they are ignored, whatever they hold, and may be longer than MaxKeyLen and
	// MaxValueLen.
	RejectUnknown bool
	// Lenient reads broken percent-escapes literally and broken UTF-8 as
	// U+FFFD, as browsers do (WHATWG URL), instead of reporting them.
	// Default false.
	Lenient bool
	// FoldCase reads names in any case (of ASCII letters): PAGE is page. Spelled
	// both ways it is there twice; where duplicates are allowed, the exact
	// spelling wins. Links have the exact names. Default false: PAGE is an
	// unknown parameter.
	FoldCase bool
	// Clone copies each query before it is read. Texts without escapes share
	// memory with the request: without a copy, a text that is kept for long
	// keeps the whole first line of its request. It costs one allocation of the
	// query's length. Default false.
	Clone bool
	// KeepDefaults writes fields that have their default value too, for links
	// whose meaning must survive a change of the defaults. Default false.
	KeepDefaults bool
	// Retain names parameters outside the schema that links take over from
	// the current URL; "*" is all of them. Default none.
	Retain []string
	// Strip names parameters that links leave out, with what nests in them:
	// the schema's own, which then have their defaults where the link leads,
	// and those that Retain would take over. Default none.
	Strip []string
	// Codecs are the text forms of types, made by [NewCodec] or [OneOf]. They win over
	// TextUnmarshaler and over kinds. Default none.
	Codecs []Codec
}

func (c *SchemaConfig) validate() error {
	var errs []error
	for i, k := range c.Codecs {
		if k.c == nil {
			errs = append(errs, fmt.Errorf("queryparams: SchemaConfig.Codecs[%d] is empty: make it with NewCodec and two functions, or OneOf and some different values", i))
		}
	}
	return errors.Join(errs...)
}
