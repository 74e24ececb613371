package queryparams

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// durationCodec reads Go's syntax with d and w besides, and ISO 8601 without
// years and months, whose length varies. A bare number counts units, if a unit
// is set.
type durationCodec struct{ unit time.Duration }

var durationUnits = map[string]time.Duration{
	"ns": time.Nanosecond, "us": time.Microsecond, "ms": time.Millisecond, "s": time.Second,
	"m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour,
}

func newDurationCodec(tags *tagSet) (codec, error) {
	name := tags.pop("unit")
	if name == "" {
		return durationCodec{}, nil
	}
	unit, ok := durationUnits[name]
	if !ok {
		return nil, fmt.Errorf("unit %q: use ns, us, ms, s, m, h, d or w", name)
	}
	return durationCodec{unit}, nil
}

func (c durationCodec) parse(v reflect.Value, s string) (Code, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && (c.unit != 0 || n == 0) {
		if c.unit != 0 && (n > math.MaxInt64/int64(c.unit) || n < math.MinInt64/int64(c.unit)) {
			return CodeRange, nil
		}
		v.SetInt(n * int64(c.unit))
		return "", nil
	}
	d, ok := parseDuration(s)
	if !ok {
		return CodeType, nil
	}
	v.SetInt(int64(d))
	return "", nil
}

// parseDuration reads 1w2d3h4m5s or P1DT2H3M, with an optional sign before.
func parseDuration(s string) (time.Duration, bool) {
	sign := ""
	if s != "" && (s[0] == '-' || s[0] == '+') {
		sign, s = strings.TrimPrefix(s[:1], "+"), s[1:]
	}
	if s != "" && (s[0] == 'P' || s[0] == 'p') {
		iso, ok := fromISO(s[1:])
		if !ok {
			return 0, false
		}
		s = iso
	}
	if s == "" {
		return 0, false
	}
	var total time.Duration
	for s != "" {
		n := digits(s)
		u := n
		for u < len(s) && s[u] != '.' && (s[u] < '0' || s[u] > '9') {
			u++
		}
		number, unit := sign+s[:n], s[n:u]
		scale := int64(1)
		switch unit {
		case "d":
			unit, scale = "h", 24
		case "w":
			unit, scale = "h", 7*24
		}
		d, err := time.ParseDuration(number + unit)
		if n := int64(d); err != nil || n > math.MaxInt64/scale || n < math.MinInt64/scale {
			return 0, false
		}
		d = time.Duration(int64(d) * scale)
		if sum := total + d; (d > 0) == (sum > total) || d == 0 {
			total = sum
		} else {
			return 0, false
		}
		s = s[u:]
	}
	return total, true
}

// digits is the length of the number that s starts with.
func digits(s string) int {
	i := 0
	for i < len(s) && (s[i] == '.' || '0' <= s[i] && s[i] <= '9') {
		i++
	}
	return i
}

// fromISO turns what follows the P of an ISO 8601 duration into Go's units:
// weeks alone, or days, then T and hours, minutes and seconds in this order.
func fromISO(s string) (string, bool) {
	s = strings.ReplaceAll(strings.ToUpper(s), ",", ".")
	date, clock, hasClock := strings.Cut(s, "T")
	if s == "" || hasClock && clock == "" {
		return "", false
	}
	if !hasClock && strings.HasSuffix(date, "W") && digits(date) == len(date)-1 {
		return strings.ToLower(date), true
	}
	if !inOrder(date, "D") || !inOrder(clock, "HMS") {
		return "", false
	}
	return strings.ToLower(date + clock), true
}

// inOrder reports whether s is numbers followed by some of the letters, each
// at most once and in order.
func inOrder(s, letters string) bool {
	for s != "" {
		n := digits(s)
		if n == 0 || n == len(s) {
			return false
		}
		at := strings.IndexByte(letters, s[n])
		if at < 0 {
			return false
		}
		letters, s = letters[at+1:], s[n+1:]
	}
	return true
}

func (c durationCodec) appendText(b []byte, v reflect.Value) ([]byte, error) {
	d := time.Duration(v.Int())
	if c.unit != 0 && d%c.unit == 0 {
		return strconv.AppendInt(b, int64(d/c.unit), 10), nil
	}
	s := strings.Replace(d.String(), "µ", "u", 1)
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return append(b, s...), nil
}

func (durationCodec) compare(a, b reflect.Value) int { return cmp.Compare(a.Int(), b.Int()) }

func (c durationCodec) expected() string {
	if c.unit == 0 {
		return "a duration such as 90s, 1h30m, 7d or PT5M"
	}
	for name, unit := range durationUnits {
		if unit == c.unit {
			return "a duration such as 1h30m, 7d or PT5M, or a number of " + name
		}
	}
	return "a duration"
}
