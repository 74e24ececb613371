package keys

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"github.com/reecho-go/reecho/internal/known"
)

// Defaults and bounds of [Config].
const (
	DefaultMaxDepth = 1000
	DefaultMaxBytes = 1 << 20
	maxMaxBytes     = 1 << 30
	maxMaxDepth     = 100_000 // a level takes about 1 KB of stack, of which Go allows 1 GB
)

// Config configures a plan. The zero value is right for most keys.
type Config struct {
	// HashFuncs maps a type to the function whose result replaces its values in
	// the key. The type must match exactly; it may stand at any depth and behind
	// interfaces. The function is called once per occurrence and gets a shallow
	// copy, which it must not write through; it must be safe for concurrent use
	// and give equal results for equal values. The result may be of any type; no
	// HashFunc applies inside it. Default nil: none.
	HashFuncs map[reflect.Type]func(any) (any, error)
	// Trusted lists types of other modules whose private data is compared like
	// that of the program's own types, including the types of their fields.
	// Default nil: none. Nil entries and types of the standard library are
	// errors.
	Trusted []reflect.Type
	// MaxDepth is how deep interfaces and the references of recursive types
	// may nest in a value before it has no key. Default 0: 1000. At most
	// 100,000; negatives are refused.
	MaxDepth int
	// MaxBytes is how many canonical bytes a value may have before it has no
	// key; for keys of kind string it is the length of the string, which
	// [Plan.TextFits] checks. Default 0: 1 MiB. At most 1 GiB; negatives are refused.
	MaxBytes int
}

// Validate reports everything that is wrong with the configuration, by the names
// that its fields have in a cache.
func (cfg Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for t, fn := range cfg.HashFuncs {
		if t == nil || fn == nil {
			bad("Keys.HashFuncs[%v]: neither the type nor the function may be nil", t)
		}
	}
	if cfg.MaxBytes < 0 || cfg.MaxBytes > maxMaxBytes {
		bad("Keys.MaxBytes is %d: use 0 for 1 MiB, or up to 1 GiB", cfg.MaxBytes)
	}
	if cfg.MaxDepth < 0 || cfg.MaxDepth > maxMaxDepth {
		bad("MaxDepth is %d: use 0 for %d, or up to %d", cfg.MaxDepth, DefaultMaxDepth, maxMaxDepth)
	}
	return errors.Join(append(errs, known.Check("Trusted", cfg.Trusted))...)
}

// Shape is the form in which a key is compared.
type Shape uint8

const (
	// Word is plain data of at most eight bytes without padding, pointers and
	// floats; [Plan.Word] is the identity.
	Word Shape = iota + 1
	// Text is of kind string: the string itself is the identity.
	Text
	// Encoded is everything else: the canonical bytes of [Plan.Append] are the identity.
	Encoded
)

// String returns the name of s.
func (s Shape) String() string {
	switch s {
	case Word:
		return "Word"
	case Text:
		return "Text"
	case Encoded:
		return "Encoded"
	default:
		return "Shape(" + strconv.Itoa(int(s)) + ")"
	}
}
