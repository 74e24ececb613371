package queryparams

import (
	"cmp"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// intCodec reads [+-]?[0-9]+ in base ten, nothing else.
type intCodec struct{ bits int }

func (c intCodec) parse(v reflect.Value, s string) (Code, error) {
	if n, ok := fewDigits(s); ok {
		v.SetInt(n)
		return "", nil
	}
	n, err := strconv.ParseInt(s, 10, c.bits)
	if err != nil {
		return numberCode(err), nil
	}
	v.SetInt(n)
	return "", nil
}

// fewDigits reads the usual number, of so few digits that it fits any type,
// without strconv's generality.
func fewDigits(s string) (n int64, ok bool) {
	if len(s) == 0 || len(s) > 2 {
		return 0, false
	}
	for i := range len(s) {
		d := s[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + int64(d)
	}
	return n, true
}

func (intCodec) appendText(b []byte, v reflect.Value) ([]byte, error) {
	return strconv.AppendInt(b, v.Int(), 10), nil
}

func (intCodec) compare(a, b reflect.Value) int { return cmp.Compare(a.Int(), b.Int()) }
func (intCodec) expected() string               { return "a whole number" }

func (c intCodec) limits() (lo, hi string) {
	return strconv.FormatInt(math.MinInt64>>(64-c.bits), 10), strconv.FormatInt(math.MaxInt64>>(64-c.bits), 10)
}

// uintCodec reads what intCodec reads, so that -1 is out of range rather than
// no number.
type uintCodec struct{ bits int }

func (c uintCodec) parse(v reflect.Value, s string) (Code, error) {
	neg := strings.HasPrefix(s, "-")
	if neg || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	n, err := strconv.ParseUint(s, 10, c.bits)
	switch {
	case err != nil:
		return numberCode(err), nil
	case neg && n != 0:
		return CodeRange, nil
	}
	v.SetUint(n)
	return "", nil
}

func (uintCodec) appendText(b []byte, v reflect.Value) ([]byte, error) {
	return strconv.AppendUint(b, v.Uint(), 10), nil
}

func (uintCodec) compare(a, b reflect.Value) int { return cmp.Compare(a.Uint(), b.Uint()) }
func (uintCodec) expected() string               { return "a whole number" }

func (c uintCodec) limits() (lo, hi string) {
	return "0", strconv.FormatUint(math.MaxUint64>>(64-c.bits), 10)
}

// floatCodec reads finite decimal numbers: no hexadecimal, no underscore, and
// no NaN or infinity unless allowed.
type floatCodec struct {
	bits int
	nan  bool
}

func (c floatCodec) parse(v reflect.Value, s string) (Code, error) {
	for i := range len(s) {
		if b := s[i]; (b < '0' || b > '9') && strings.IndexByte("+-.eE", b) < 0 {
			if c.nan && special(s) {
				break
			}
			return CodeType, nil
		}
	}
	f, err := strconv.ParseFloat(s, c.bits)
	if err != nil {
		return numberCode(err), nil
	}
	v.SetFloat(f)
	return "", nil
}

func special(s string) bool {
	switch strings.ToLower(strings.TrimLeft(s, "+-")) {
	case "nan", "inf", "infinity":
		return true
	}
	return false
}

func (c floatCodec) appendText(b []byte, v reflect.Value) ([]byte, error) {
	f := v.Float()
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		if !c.nan {
			return b, errors.New("the number is not finite")
		}
		if math.IsInf(f, 1) {
			return append(b, "Inf"...), nil
		}
		return strconv.AppendFloat(b, f, 'g', -1, c.bits), nil
	case f == 0 || math.Abs(f) >= 1e-6 && math.Abs(f) < 1e21:
		return strconv.AppendFloat(b, f, 'f', -1, c.bits), nil
	}
	from := len(b)
	b = strconv.AppendFloat(b, f, 'e', -1, c.bits)
	for i := from; i < len(b); i++ { // 1e+21 needs no plus, which would be escaped
		if b[i] == '+' {
			return append(b[:i], b[i+1:]...), nil
		}
	}
	return b, nil
}

func (floatCodec) compare(a, b reflect.Value) int { return cmp.Compare(a.Float(), b.Float()) }
func (floatCodec) expected() string               { return "a number" }

func numberCode(err error) Code {
	if errors.Is(err, strconv.ErrRange) {
		return CodeRange
	}
	return CodeType
}
