package queryparams_test

import (
	"encoding"
	"errors"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/reecho-go/reecho/queryparams"
)

// The types below embed a type that has text methods, and have methods of their
// own in every combination. Their names say which: what is embedded, then
// MarshalText, UnmarshalText and AppendText, each promoted (P), their own with a
// value receiver (V) or with a pointer receiver (Q). Their own MarshalText and
// UnmarshalText fit together, and nothing reads what their own AppendText
// writes: as for encoding/json, MarshalText is what counts.

func ownText(prefix string, inner encoding.TextMarshaler) ([]byte, error) {
	text, err := inner.MarshalText()
	return append([]byte(prefix), text...), err
}

func readOwn(text []byte, inner encoding.TextUnmarshaler) error {
	rest, ok := strings.CutPrefix(string(text), "own-")
	if !ok {
		return errors.New("not our own text")
	}
	return inner.UnmarshalText([]byte(rest))
}

type mixTimePPP struct{ time.Time }

type mixTimePPV struct{ time.Time }

func (x mixTimePPV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Time)
	return append(b, text...), err
}

type mixTimePPQ struct{ time.Time }

func (x *mixTimePPQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Time)
	return append(b, text...), err
}

type mixTimePQP struct{ time.Time }

func (x *mixTimePQP) UnmarshalText(b []byte) error { return readOwn(b, &x.Time) }

type mixTimePQV struct{ time.Time }

func (x *mixTimePQV) UnmarshalText(b []byte) error { return readOwn(b, &x.Time) }

func (x mixTimePQV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Time)
	return append(b, text...), err
}

type mixTimePQQ struct{ time.Time }

func (x *mixTimePQQ) UnmarshalText(b []byte) error { return readOwn(b, &x.Time) }

func (x *mixTimePQQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Time)
	return append(b, text...), err
}

type mixTimeVPP struct{ time.Time }

func (x mixTimeVPP) MarshalText() ([]byte, error) { return ownText("own-", x.Time) }

type mixTimeVPV struct{ time.Time }

func (x mixTimeVPV) MarshalText() ([]byte, error) { return ownText("own-", x.Time) }

func (x mixTimeVPV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Time)
	return append(b, text...), err
}

type mixTimeVPQ struct{ time.Time }

func (x mixTimeVPQ) MarshalText() ([]byte, error) { return ownText("own-", x.Time) }

func (x *mixTimeVPQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Time)
	return append(b, text...), err
}

type mixTimeVQP struct{ time.Time }

func (x mixTimeVQP) MarshalText() ([]byte, error) { return ownText("own-", x.Time) }

func (x *mixTimeVQP) UnmarshalText(b []byte) error { return readOwn(b, &x.Time) }

type mixTimeVQV struct{ time.Time }

func (x mixTimeVQV) MarshalText() ([]byte, error) { return ownText("own-", x.Time) }

func (x *mixTimeVQV) UnmarshalText(b []byte) error { return readOwn(b, &x.Time) }

func (x mixTimeVQV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Time)
	return append(b, text...), err
}

type mixTimeVQQ struct{ time.Time }

func (x mixTimeVQQ) MarshalText() ([]byte, error) { return ownText("own-", x.Time) }

func (x *mixTimeVQQ) UnmarshalText(b []byte) error { return readOwn(b, &x.Time) }

func (x *mixTimeVQQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Time)
	return append(b, text...), err
}

type mixTimeQPP struct{ time.Time }

func (x *mixTimeQPP) MarshalText() ([]byte, error) { return ownText("own-", x.Time) }

type mixTimeQPV struct{ time.Time }

func (x *mixTimeQPV) MarshalText() ([]byte, error) { return ownText("own-", x.Time) }

func (x mixTimeQPV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Time)
	return append(b, text...), err
}

type mixTimeQPQ struct{ time.Time }

func (x *mixTimeQPQ) MarshalText() ([]byte, error) { return ownText("own-", x.Time) }

func (x *mixTimeQPQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Time)
	return append(b, text...), err
}

type mixTimeQQP struct{ time.Time }

func (x *mixTimeQQP) MarshalText() ([]byte, error) { return ownText("own-", x.Time) }

func (x *mixTimeQQP) UnmarshalText(b []byte) error { return readOwn(b, &x.Time) }

type mixTimeQQV struct{ time.Time }

func (x *mixTimeQQV) MarshalText() ([]byte, error) { return ownText("own-", x.Time) }

func (x *mixTimeQQV) UnmarshalText(b []byte) error { return readOwn(b, &x.Time) }

func (x mixTimeQQV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Time)
	return append(b, text...), err
}

type mixTimeQQQ struct{ time.Time }

func (x *mixTimeQQQ) MarshalText() ([]byte, error) { return ownText("own-", x.Time) }

func (x *mixTimeQQQ) UnmarshalText(b []byte) error { return readOwn(b, &x.Time) }

func (x *mixTimeQQQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Time)
	return append(b, text...), err
}

type mixAddrPPP struct{ netip.Addr }

type mixAddrPPV struct{ netip.Addr }

func (x mixAddrPPV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Addr)
	return append(b, text...), err
}

type mixAddrPPQ struct{ netip.Addr }

func (x *mixAddrPPQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Addr)
	return append(b, text...), err
}

type mixAddrPQP struct{ netip.Addr }

func (x *mixAddrPQP) UnmarshalText(b []byte) error { return readOwn(b, &x.Addr) }

type mixAddrPQV struct{ netip.Addr }

func (x *mixAddrPQV) UnmarshalText(b []byte) error { return readOwn(b, &x.Addr) }

func (x mixAddrPQV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Addr)
	return append(b, text...), err
}

type mixAddrPQQ struct{ netip.Addr }

func (x *mixAddrPQQ) UnmarshalText(b []byte) error { return readOwn(b, &x.Addr) }

func (x *mixAddrPQQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Addr)
	return append(b, text...), err
}

type mixAddrVPP struct{ netip.Addr }

func (x mixAddrVPP) MarshalText() ([]byte, error) { return ownText("own-", x.Addr) }

type mixAddrVPV struct{ netip.Addr }

func (x mixAddrVPV) MarshalText() ([]byte, error) { return ownText("own-", x.Addr) }

func (x mixAddrVPV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Addr)
	return append(b, text...), err
}

type mixAddrVPQ struct{ netip.Addr }

func (x mixAddrVPQ) MarshalText() ([]byte, error) { return ownText("own-", x.Addr) }

func (x *mixAddrVPQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Addr)
	return append(b, text...), err
}

type mixAddrVQP struct{ netip.Addr }

func (x mixAddrVQP) MarshalText() ([]byte, error) { return ownText("own-", x.Addr) }

func (x *mixAddrVQP) UnmarshalText(b []byte) error { return readOwn(b, &x.Addr) }

type mixAddrVQV struct{ netip.Addr }

func (x mixAddrVQV) MarshalText() ([]byte, error) { return ownText("own-", x.Addr) }

func (x *mixAddrVQV) UnmarshalText(b []byte) error { return readOwn(b, &x.Addr) }

func (x mixAddrVQV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Addr)
	return append(b, text...), err
}

type mixAddrVQQ struct{ netip.Addr }

func (x mixAddrVQQ) MarshalText() ([]byte, error) { return ownText("own-", x.Addr) }

func (x *mixAddrVQQ) UnmarshalText(b []byte) error { return readOwn(b, &x.Addr) }

func (x *mixAddrVQQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Addr)
	return append(b, text...), err
}

type mixAddrQPP struct{ netip.Addr }

func (x *mixAddrQPP) MarshalText() ([]byte, error) { return ownText("own-", x.Addr) }

type mixAddrQPV struct{ netip.Addr }

func (x *mixAddrQPV) MarshalText() ([]byte, error) { return ownText("own-", x.Addr) }

func (x mixAddrQPV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Addr)
	return append(b, text...), err
}

type mixAddrQPQ struct{ netip.Addr }

func (x *mixAddrQPQ) MarshalText() ([]byte, error) { return ownText("own-", x.Addr) }

func (x *mixAddrQPQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Addr)
	return append(b, text...), err
}

type mixAddrQQP struct{ netip.Addr }

func (x *mixAddrQQP) MarshalText() ([]byte, error) { return ownText("own-", x.Addr) }

func (x *mixAddrQQP) UnmarshalText(b []byte) error { return readOwn(b, &x.Addr) }

type mixAddrQQV struct{ netip.Addr }

func (x *mixAddrQQV) MarshalText() ([]byte, error) { return ownText("own-", x.Addr) }

func (x *mixAddrQQV) UnmarshalText(b []byte) error { return readOwn(b, &x.Addr) }

func (x mixAddrQQV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Addr)
	return append(b, text...), err
}

type mixAddrQQQ struct{ netip.Addr }

func (x *mixAddrQQQ) MarshalText() ([]byte, error) { return ownText("own-", x.Addr) }

func (x *mixAddrQQQ) UnmarshalText(b []byte) error { return readOwn(b, &x.Addr) }

func (x *mixAddrQQQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Addr)
	return append(b, text...), err
}

type mixIntPPP struct{ big.Int }

type mixIntPPV struct{ big.Int }

func (x mixIntPPV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", &x.Int)
	return append(b, text...), err
}

type mixIntPPQ struct{ big.Int }

func (x *mixIntPPQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", &x.Int)
	return append(b, text...), err
}

type mixIntPQP struct{ big.Int }

func (x *mixIntPQP) UnmarshalText(b []byte) error { return readOwn(b, &x.Int) }

type mixIntPQV struct{ big.Int }

func (x *mixIntPQV) UnmarshalText(b []byte) error { return readOwn(b, &x.Int) }

func (x mixIntPQV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", &x.Int)
	return append(b, text...), err
}

type mixIntPQQ struct{ big.Int }

func (x *mixIntPQQ) UnmarshalText(b []byte) error { return readOwn(b, &x.Int) }

func (x *mixIntPQQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", &x.Int)
	return append(b, text...), err
}

type mixIntVPP struct{ big.Int }

func (x mixIntVPP) MarshalText() ([]byte, error) { return ownText("own-", &x.Int) }

type mixIntVPV struct{ big.Int }

func (x mixIntVPV) MarshalText() ([]byte, error) { return ownText("own-", &x.Int) }

func (x mixIntVPV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", &x.Int)
	return append(b, text...), err
}

type mixIntVPQ struct{ big.Int }

func (x mixIntVPQ) MarshalText() ([]byte, error) { return ownText("own-", &x.Int) }

func (x *mixIntVPQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", &x.Int)
	return append(b, text...), err
}

type mixIntVQP struct{ big.Int }

func (x mixIntVQP) MarshalText() ([]byte, error) { return ownText("own-", &x.Int) }

func (x *mixIntVQP) UnmarshalText(b []byte) error { return readOwn(b, &x.Int) }

type mixIntVQV struct{ big.Int }

func (x mixIntVQV) MarshalText() ([]byte, error) { return ownText("own-", &x.Int) }

func (x *mixIntVQV) UnmarshalText(b []byte) error { return readOwn(b, &x.Int) }

func (x mixIntVQV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", &x.Int)
	return append(b, text...), err
}

type mixIntVQQ struct{ big.Int }

func (x mixIntVQQ) MarshalText() ([]byte, error) { return ownText("own-", &x.Int) }

func (x *mixIntVQQ) UnmarshalText(b []byte) error { return readOwn(b, &x.Int) }

func (x *mixIntVQQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", &x.Int)
	return append(b, text...), err
}

type mixIntQPP struct{ big.Int }

func (x *mixIntQPP) MarshalText() ([]byte, error) { return ownText("own-", &x.Int) }

type mixIntQPV struct{ big.Int }

func (x *mixIntQPV) MarshalText() ([]byte, error) { return ownText("own-", &x.Int) }

func (x mixIntQPV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", &x.Int)
	return append(b, text...), err
}

type mixIntQPQ struct{ big.Int }

func (x *mixIntQPQ) MarshalText() ([]byte, error) { return ownText("own-", &x.Int) }

func (x *mixIntQPQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", &x.Int)
	return append(b, text...), err
}

type mixIntQQP struct{ big.Int }

func (x *mixIntQQP) MarshalText() ([]byte, error) { return ownText("own-", &x.Int) }

func (x *mixIntQQP) UnmarshalText(b []byte) error { return readOwn(b, &x.Int) }

type mixIntQQV struct{ big.Int }

func (x *mixIntQQV) MarshalText() ([]byte, error) { return ownText("own-", &x.Int) }

func (x *mixIntQQV) UnmarshalText(b []byte) error { return readOwn(b, &x.Int) }

func (x mixIntQQV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", &x.Int)
	return append(b, text...), err
}

type mixIntQQQ struct{ big.Int }

func (x *mixIntQQQ) MarshalText() ([]byte, error) { return ownText("own-", &x.Int) }

func (x *mixIntQQQ) UnmarshalText(b []byte) error { return readOwn(b, &x.Int) }

func (x *mixIntQQQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", &x.Int)
	return append(b, text...), err
}

type mixPIntPPP struct{ *big.Int }

type mixPIntPPV struct{ *big.Int }

func (x mixPIntPPV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Int)
	return append(b, text...), err
}

type mixPIntPPQ struct{ *big.Int }

func (x *mixPIntPPQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Int)
	return append(b, text...), err
}

type mixPIntPQP struct{ *big.Int }

func (x *mixPIntPQP) UnmarshalText(b []byte) error { x.Int = new(big.Int); return readOwn(b, x.Int) }

type mixPIntPQV struct{ *big.Int }

func (x *mixPIntPQV) UnmarshalText(b []byte) error { x.Int = new(big.Int); return readOwn(b, x.Int) }

func (x mixPIntPQV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Int)
	return append(b, text...), err
}

type mixPIntPQQ struct{ *big.Int }

func (x *mixPIntPQQ) UnmarshalText(b []byte) error { x.Int = new(big.Int); return readOwn(b, x.Int) }

func (x *mixPIntPQQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Int)
	return append(b, text...), err
}

type mixPIntVPP struct{ *big.Int }

func (x mixPIntVPP) MarshalText() ([]byte, error) { return ownText("own-", x.Int) }

type mixPIntVPV struct{ *big.Int }

func (x mixPIntVPV) MarshalText() ([]byte, error) { return ownText("own-", x.Int) }

func (x mixPIntVPV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Int)
	return append(b, text...), err
}

type mixPIntVPQ struct{ *big.Int }

func (x mixPIntVPQ) MarshalText() ([]byte, error) { return ownText("own-", x.Int) }

func (x *mixPIntVPQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Int)
	return append(b, text...), err
}

type mixPIntVQP struct{ *big.Int }

func (x mixPIntVQP) MarshalText() ([]byte, error) { return ownText("own-", x.Int) }

func (x *mixPIntVQP) UnmarshalText(b []byte) error { x.Int = new(big.Int); return readOwn(b, x.Int) }

type mixPIntVQV struct{ *big.Int }

func (x mixPIntVQV) MarshalText() ([]byte, error) { return ownText("own-", x.Int) }

func (x *mixPIntVQV) UnmarshalText(b []byte) error { x.Int = new(big.Int); return readOwn(b, x.Int) }

func (x mixPIntVQV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Int)
	return append(b, text...), err
}

type mixPIntVQQ struct{ *big.Int }

func (x mixPIntVQQ) MarshalText() ([]byte, error) { return ownText("own-", x.Int) }

func (x *mixPIntVQQ) UnmarshalText(b []byte) error { x.Int = new(big.Int); return readOwn(b, x.Int) }

func (x *mixPIntVQQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Int)
	return append(b, text...), err
}

type mixPIntQPP struct{ *big.Int }

func (x *mixPIntQPP) MarshalText() ([]byte, error) { return ownText("own-", x.Int) }

type mixPIntQPV struct{ *big.Int }

func (x *mixPIntQPV) MarshalText() ([]byte, error) { return ownText("own-", x.Int) }

func (x mixPIntQPV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Int)
	return append(b, text...), err
}

type mixPIntQPQ struct{ *big.Int }

func (x *mixPIntQPQ) MarshalText() ([]byte, error) { return ownText("own-", x.Int) }

func (x *mixPIntQPQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Int)
	return append(b, text...), err
}

type mixPIntQQP struct{ *big.Int }

func (x *mixPIntQQP) MarshalText() ([]byte, error) { return ownText("own-", x.Int) }

func (x *mixPIntQQP) UnmarshalText(b []byte) error { x.Int = new(big.Int); return readOwn(b, x.Int) }

type mixPIntQQV struct{ *big.Int }

func (x *mixPIntQQV) MarshalText() ([]byte, error) { return ownText("own-", x.Int) }

func (x *mixPIntQQV) UnmarshalText(b []byte) error { x.Int = new(big.Int); return readOwn(b, x.Int) }

func (x mixPIntQQV) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Int)
	return append(b, text...), err
}

type mixPIntQQQ struct{ *big.Int }

func (x *mixPIntQQQ) MarshalText() ([]byte, error) { return ownText("own-", x.Int) }

func (x *mixPIntQQQ) UnmarshalText(b []byte) error { x.Int = new(big.Int); return readOwn(b, x.Int) }

func (x *mixPIntQQQ) AppendText(b []byte) ([]byte, error) {
	text, err := ownText("app-", x.Int)
	return append(b, text...), err
}

// deep has its methods from two levels below.
type deep struct{ mixTimeVQP }

// noted has a part that the promoted methods do not know of.
type noted struct {
	time.Time
	Note string
}

// mixed are the types, with a value of each.
var mixed = []struct {
	value     any
	ownWrites bool
	ownReads  bool
	byPointer bool // what is embedded is nil in a new value
}{
	{mixTimePPP{time.Unix(1e9, 5e8).UTC()}, false, false, false},
	{mixTimePPV{time.Unix(1e9, 5e8).UTC()}, false, false, false},
	{mixTimePPQ{time.Unix(1e9, 5e8).UTC()}, false, false, false},
	{mixTimePQP{time.Unix(1e9, 5e8).UTC()}, false, true, false},
	{mixTimePQV{time.Unix(1e9, 5e8).UTC()}, false, true, false},
	{mixTimePQQ{time.Unix(1e9, 5e8).UTC()}, false, true, false},
	{mixTimeVPP{time.Unix(1e9, 5e8).UTC()}, true, false, false},
	{mixTimeVPV{time.Unix(1e9, 5e8).UTC()}, true, false, false},
	{mixTimeVPQ{time.Unix(1e9, 5e8).UTC()}, true, false, false},
	{mixTimeVQP{time.Unix(1e9, 5e8).UTC()}, true, true, false},
	{mixTimeVQV{time.Unix(1e9, 5e8).UTC()}, true, true, false},
	{mixTimeVQQ{time.Unix(1e9, 5e8).UTC()}, true, true, false},
	{mixTimeQPP{time.Unix(1e9, 5e8).UTC()}, true, false, false},
	{mixTimeQPV{time.Unix(1e9, 5e8).UTC()}, true, false, false},
	{mixTimeQPQ{time.Unix(1e9, 5e8).UTC()}, true, false, false},
	{mixTimeQQP{time.Unix(1e9, 5e8).UTC()}, true, true, false},
	{mixTimeQQV{time.Unix(1e9, 5e8).UTC()}, true, true, false},
	{mixTimeQQQ{time.Unix(1e9, 5e8).UTC()}, true, true, false},
	{mixAddrPPP{netip.MustParseAddr("192.0.2.1")}, false, false, false},
	{mixAddrPPV{netip.MustParseAddr("192.0.2.1")}, false, false, false},
	{mixAddrPPQ{netip.MustParseAddr("192.0.2.1")}, false, false, false},
	{mixAddrPQP{netip.MustParseAddr("192.0.2.1")}, false, true, false},
	{mixAddrPQV{netip.MustParseAddr("192.0.2.1")}, false, true, false},
	{mixAddrPQQ{netip.MustParseAddr("192.0.2.1")}, false, true, false},
	{mixAddrVPP{netip.MustParseAddr("192.0.2.1")}, true, false, false},
	{mixAddrVPV{netip.MustParseAddr("192.0.2.1")}, true, false, false},
	{mixAddrVPQ{netip.MustParseAddr("192.0.2.1")}, true, false, false},
	{mixAddrVQP{netip.MustParseAddr("192.0.2.1")}, true, true, false},
	{mixAddrVQV{netip.MustParseAddr("192.0.2.1")}, true, true, false},
	{mixAddrVQQ{netip.MustParseAddr("192.0.2.1")}, true, true, false},
	{mixAddrQPP{netip.MustParseAddr("192.0.2.1")}, true, false, false},
	{mixAddrQPV{netip.MustParseAddr("192.0.2.1")}, true, false, false},
	{mixAddrQPQ{netip.MustParseAddr("192.0.2.1")}, true, false, false},
	{mixAddrQQP{netip.MustParseAddr("192.0.2.1")}, true, true, false},
	{mixAddrQQV{netip.MustParseAddr("192.0.2.1")}, true, true, false},
	{mixAddrQQQ{netip.MustParseAddr("192.0.2.1")}, true, true, false},
	{mixIntPPP{*big.NewInt(-42)}, false, false, false},
	{mixIntPPV{*big.NewInt(-42)}, false, false, false},
	{mixIntPPQ{*big.NewInt(-42)}, false, false, false},
	{mixIntPQP{*big.NewInt(-42)}, false, true, false},
	{mixIntPQV{*big.NewInt(-42)}, false, true, false},
	{mixIntPQQ{*big.NewInt(-42)}, false, true, false},
	{mixIntVPP{*big.NewInt(-42)}, true, false, false},
	{mixIntVPV{*big.NewInt(-42)}, true, false, false},
	{mixIntVPQ{*big.NewInt(-42)}, true, false, false},
	{mixIntVQP{*big.NewInt(-42)}, true, true, false},
	{mixIntVQV{*big.NewInt(-42)}, true, true, false},
	{mixIntVQQ{*big.NewInt(-42)}, true, true, false},
	{mixIntQPP{*big.NewInt(-42)}, true, false, false},
	{mixIntQPV{*big.NewInt(-42)}, true, false, false},
	{mixIntQPQ{*big.NewInt(-42)}, true, false, false},
	{mixIntQQP{*big.NewInt(-42)}, true, true, false},
	{mixIntQQV{*big.NewInt(-42)}, true, true, false},
	{mixIntQQQ{*big.NewInt(-42)}, true, true, false},
	{mixPIntPPP{big.NewInt(-42)}, false, false, true},
	{mixPIntPPV{big.NewInt(-42)}, false, false, true},
	{mixPIntPPQ{big.NewInt(-42)}, false, false, true},
	{mixPIntPQP{big.NewInt(-42)}, false, true, true},
	{mixPIntPQV{big.NewInt(-42)}, false, true, true},
	{mixPIntPQQ{big.NewInt(-42)}, false, true, true},
	{mixPIntVPP{big.NewInt(-42)}, true, false, true},
	{mixPIntVPV{big.NewInt(-42)}, true, false, true},
	{mixPIntVPQ{big.NewInt(-42)}, true, false, true},
	{mixPIntVQP{big.NewInt(-42)}, true, true, true},
	{mixPIntVQV{big.NewInt(-42)}, true, true, true},
	{mixPIntVQQ{big.NewInt(-42)}, true, true, true},
	{mixPIntQPP{big.NewInt(-42)}, true, false, true},
	{mixPIntQPV{big.NewInt(-42)}, true, false, true},
	{mixPIntQPQ{big.NewInt(-42)}, true, false, true},
	{mixPIntQQP{big.NewInt(-42)}, true, true, true},
	{mixPIntQQV{big.NewInt(-42)}, true, true, true},
	{mixPIntQQQ{big.NewInt(-42)}, true, true, true},
	{deep{mixTimeVQP{time.Unix(1e9, 0).UTC()}}, true, true, false},
}

// one is a struct with a single field of the type t, a parameter x.
func one(t reflect.Type, tags string) reflect.Type {
	return reflect.StructOf([]reflect.StructField{{Name: "X", Type: t, Tag: reflect.StructTag(`query:"x" ` + tags)}})
}

func TestMarshalTextWritesWhatUnmarshalTextReads(t *testing.T) {
	t.Parallel()
	for _, tt := range mixed {
		typ := reflect.TypeOf(tt.value)
		t.Run(typ.Name(), func(t *testing.T) {
			t.Parallel()
			s, err := queryparams.CompileType(one(typ, ""), queryparams.SchemaConfig{})
			switch {
			case tt.byPointer && !tt.ownReads: // its UnmarshalText has nothing to write to
				if err == nil || !strings.Contains(err.Error(), "panics") {
					t.Fatalf("error %v, want one that says that UnmarshalText panics", err)
				}
				return
			case tt.ownWrites != tt.ownReads && !tt.byPointer && strings.Contains(typ.Name(), "Addr") && !tt.ownWrites: // the zero address has no text: a link will tell
			case tt.ownWrites != tt.ownReads && !tt.byPointer:
				if err == nil || !strings.Contains(err.Error(), "which its UnmarshalText cannot read") {
					t.Fatalf("error %v, want one that names both methods", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			v := reflect.New(s.Type())
			v.Elem().Field(0).Set(reflect.ValueOf(tt.value))
			raw, err := s.Encode(v)
			if tt.ownWrites != tt.ownReads {
				if err == nil || !strings.Contains(err.Error(), "does not read back") {
					t.Fatalf("Encode = %q, %v; want an error", raw, err)
				}
				return
			}
			text, _ := v.Elem().Field(0).Addr().Interface().(encoding.TextMarshaler).MarshalText()
			if err != nil || raw != "x="+string(text) && raw != "x="+strings.ReplaceAll(string(text), "+", "%2B") {
				t.Fatalf("Encode = %q, %v; MarshalText is %q", raw, err, text)
			}
			back, err := s.Parse(raw)
			if err != nil || !sameByCmp(v.Elem(), back.Elem()) {
				t.Errorf("%q reads back %v, %v", raw, back, err)
			}
		})
	}
}

func TestAPartThatNoTextCarriesIsNotLost(t *testing.T) {
	t.Parallel()
	type T struct {
		N noted     `query:"n"`
		F big.Float `query:"f"`
	}
	s := queryparams.Must(queryparams.SchemaOf[T]())
	at := noted{Time: time.Unix(1e9, 0).UTC()}
	if raw, err := s.Encode(T{N: at}); err != nil || raw != "n=2001-09-09T01:46:40Z" {
		t.Errorf("Encode = %q, %v", raw, err)
	}
	at.Note = "lost"
	if raw, err := s.Encode(T{N: at}); err == nil {
		t.Errorf("a note that no text has is lost in %q", raw)
	}
	precise, _, _ := big.ParseFloat("0.1", 10, 200, big.ToNearestEven)
	if raw, err := s.Encode(T{F: *precise}); err == nil {
		t.Errorf("a number finer than UnmarshalText reads is written as %q", raw)
	}
	if _, err := s.Encode(T{F: *big.NewFloat(0.5)}); err != nil {
		t.Error(err)
	}
}
