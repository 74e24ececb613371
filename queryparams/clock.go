package queryparams

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// timeCodec reads and writes time.Time. The first layout that carries a time
// exactly writes it.
type timeCodec struct {
	layouts []string
	loc     *time.Location
}

// Names that a layout tag may use besides Go's reference layouts. The numbers
// of seconds are marked by layouts that no time has.
const (
	layoutUnix      = "unix"
	layoutUnixMilli = "unixmilli"
)

var layoutNames = map[string][]string{
	"rfc3339":        {time.RFC3339Nano},
	"date":           {time.DateOnly},
	"datetime-local": {"2006-01-02T15:04", "2006-01-02T15:04:05.999999999"},
	layoutUnix:       {layoutUnix},
	layoutUnixMilli:  {layoutUnixMilli},
}

func newTimeCodec(tags *tagSet) (codec, error) {
	c := timeCodec{layouts: []string{time.RFC3339Nano, time.DateOnly}, loc: time.UTC}
	if tag := tags.pop("layout"); tag != "" {
		c.layouts = nil
		for name := range strings.SplitSeq(tag, "|") {
			known, ok := layoutNames[name]
			if !ok {
				if why := layoutFault(name); why != "" {
					return nil, fmt.Errorf("layout %q %s: use rfc3339, date, datetime-local, unix, unixmilli or a layout of Go's time package", name, why)
				}
				known = []string{name}
			}
			c.layouts = append(c.layouts, known...)
		}
	}
	if tag := tags.pop("loc"); tag != "" {
		loc, err := time.LoadLocation(tag)
		if err != nil {
			return nil, fmt.Errorf("loc %q: %w", tag, err)
		}
		c.loc = loc
	}
	return c, nil
}

// layoutFault says why a layout cannot be used; empty if it can.
func layoutFault(layout string) string {
	text := func(t time.Time) string { return t.Format(layout) }
	a, b := time.Unix(0, 0).UTC(), time.Unix(1e9, 0).UTC()
	backA, errA := time.Parse(layout, text(a))
	backB, errB := time.Parse(layout, text(b))
	night := time.Date(2001, 9, 9, 3, 0, 0, 0, time.UTC)
	switch {
	case errA != nil || errB != nil:
		return "writes times that it cannot read"
	case text(a) == text(b) || backA.Equal(backB):
		return "does not tell times apart"
	case text(night) == text(night.Add(12*time.Hour)) && text(night) != text(night.Add(time.Hour)):
		return "does not tell 03:00 from 15:00 (write 15 for the hour, or add PM)"
	case !readable([]byte(text(b)), false):
		return "has a control character or is not UTF-8"
	case len(text(b)) > maxTimeText/2:
		return "is too long"
	}
	return ""
}

// read reads a time as it is written or, since an unescaped plus before an
// offset arrives as a space, with that plus.
func (c timeCodec) read(s string) (time.Time, bool) {
	if len(s) > maxTimeText {
		return time.Time{}, false
	}
	t, ok := c.readAs(s)
	if ok {
		return t, true
	}
	if at := strings.LastIndexByte(s, ' '); at > 0 && isOffset(s[at+1:]) {
		return c.readAs(s[:at] + "+" + s[at+1:])
	}
	return t, false
}

// isOffset reports whether s is 02:00, 0200 or 02.
func isOffset(s string) bool {
	s = strings.Replace(s, ":", "", 1)
	return len(s) <= len("0200") && digits(s) == len(s) && s != "" && strings.IndexByte(s, '.') < 0
}

func (c timeCodec) readAs(s string) (time.Time, bool) {
	for _, layout := range c.layouts {
		switch layout {
		case layoutUnix, layoutUnixMilli:
			n, err := strconv.ParseInt(s, 10, 64)
			if layout == layoutUnix && err == nil && -maxMilli/1000 < n && n < maxMilli/1000 {
				return time.Unix(n, 0).In(c.loc), true
			}
			if layout == layoutUnixMilli && err == nil && -maxMilli < n && n < maxMilli {
				return time.UnixMilli(n).In(c.loc), true
			}
		case time.RFC3339Nano:
			s := strings.ToUpper(s)
			if t, err := time.ParseInLocation(layout, s, c.loc); err == nil && strictRFC3339(s) {
				return t, true
			}
		default:
			if t, err := time.ParseInLocation(layout, s, c.loc); err == nil && c.knowsZone(layout, t) {
				return c.forward(t, layout, s), true
			}
		}
	}
	return time.Time{}, false
}

// forward returns t, which was read from s. If s is in an hour that the clocks skip,
// it returns the hour after it, as browsers do: package time may choose the hour
// before, which is on the day before if midnight is skipped.
func (c timeCodec) forward(t time.Time, layout, s string) time.Time {
	if c.loc == time.UTC || t.Location() != c.loc {
		return t
	}
	asked, err := time.Parse(layout, s)
	if err != nil { // it was read once
		return t
	}
	return t.Add(max(0, wallClock(asked)-wallClock(t)))
}

// wallClock returns the time since 1970 that a clock in t's zone shows.
func wallClock(t time.Time) time.Duration {
	_, offset := t.Zone()
	return time.Duration(t.Unix()+int64(offset)) * time.Second
}

// strictRFC3339 refuses deviations from RFC 3339 that package time accepts: hours of one digit,
// commas, offsets of a day and more.
func strictRFC3339(s string) bool {
	const hour, fraction = len("2006-01-02T15"), len("2006-01-02T15:04:05")
	if len(s) <= fraction || s[hour] != ':' || s[fraction] == ',' {
		return false
	}
	offset := s[len(s)-len("+01:00"):]
	return s[len(s)-1] == 'Z' || offset[1:3] <= "23" && offset[4:] <= "59"
}

func (c timeCodec) parse(v reflect.Value, s string) (Code, error) {
	t, ok := c.read(s)
	if !ok || t.Nanosecond() != 0 && !c.carries(t) {
		return CodeType, nil
	}
	*v.Addr().Interface().(*time.Time) = t
	return "", nil
}

const (
	maxTimeText = 128             // what is handed to the parsers of time
	maxMilli    = 253402300800000 // the end of the year 9999, and as far back
)

// knowsZone reports whether the offset of t is known. Package time reads the
// abbreviation of an unknown zone as UTC.
func (c timeCodec) knowsZone(layout string, t time.Time) bool {
	if !strings.Contains(layout, "MST") || strings.Contains(layout, "-07") || strings.Contains(layout, "Z07") || t.Location() == c.loc {
		return true
	}
	name, offset := t.Zone()
	return offset != 0 || name == "UTC" || name == "GMT"
}

func (c timeCodec) appendText(b []byte, v reflect.Value) ([]byte, error) {
	t := *v.Addr().Interface().(*time.Time)
	if out, ok := c.write(b, t); ok {
		return out, nil
	}
	return b, fmt.Errorf("the time %s is finer than, or outside of, what the layout carries", t.Format(time.RFC3339Nano))
}

// carries reports whether a layout carries t exactly.
func (c timeCodec) carries(t time.Time) bool {
	var short [maxTimeText]byte
	_, ok := c.write(short[:0], t)
	return ok
}

// write appends t by the first layout that carries it exactly.
func (c timeCodec) write(b []byte, t time.Time) ([]byte, bool) {
	from := len(b)
	for _, layout := range c.layouts {
		switch layout {
		case layoutUnix:
			b = strconv.AppendInt(b[:from], t.Unix(), 10)
		case layoutUnixMilli:
			b = strconv.AppendInt(b[:from], t.UnixMilli(), 10)
		case time.RFC3339Nano:
			b = t.AppendFormat(b[:from], layout)
		default:
			if b = t.In(c.loc).AppendFormat(b[:from], layout); c.isText(b[from:], t) {
				return b, true
			}
			b = t.AppendFormat(b[:from], layout) // a day in another zone, say
		}
		if c.isText(b[from:], t) {
			return b, true
		}
	}
	return b[:from], false
}

// isText reports whether reading text gives t.
func (c timeCodec) isText(text []byte, t time.Time) bool {
	back, ok := c.read(string(text))
	return ok && back.Equal(t)
}

func (timeCodec) compare(a, b reflect.Value) int {
	return a.Addr().Interface().(*time.Time).Compare(*b.Addr().Interface().(*time.Time))
}

func (c timeCodec) expected() string {
	examples := make([]string, len(c.layouts))
	for i, layout := range c.layouts {
		switch layout {
		case layoutUnix:
			examples[i] = "seconds since 1970"
		case layoutUnixMilli:
			examples[i] = "milliseconds since 1970"
		case time.RFC3339Nano:
			examples[i] = "2006-01-02T15:04:05Z"
		default:
			examples[i] = strings.Replace(layout, ".999999999", "", 1)
		}
	}
	return "a time such as " + strings.Join(examples, " or ")
}
