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
	"datetime-local": {"2006-01-02T15:04", "2006-01-02T15:04:05"}, // fractions are read by both
	layoutUnix:       {layoutUnix},
	layoutUnixMilli:  {layoutUnixMilli},
}

func newTimeCodec(tags *tagSet) (codec, error) {
	c := timeCodec{layouts: []string{time.RFC3339Nano, time.DateOnly}, loc: time.UTC}
	if tag := tags.take("layout"); tag != "" {
		c.layouts = nil
		for name := range strings.SplitSeq(tag, "|") {
			known, ok := layoutNames[name]
			if !ok {
				if !usableLayout(name) {
					return nil, fmt.Errorf("layout %q: use rfc3339, date, datetime-local, unix, unixmilli or a layout of Go's time package", name)
				}
				known = []string{name}
			}
			c.layouts = append(c.layouts, known...)
		}
	}
	if tag := tags.take("loc"); tag != "" {
		loc, err := time.LoadLocation(tag)
		if err != nil {
			return nil, fmt.Errorf("loc %q: %w", tag, err)
		}
		c.loc = loc
	}
	return c, nil
}

// usableLayout reports whether layout tells two times apart and reads what it
// writes.
func usableLayout(layout string) bool {
	a, b := time.Unix(0, 0).UTC().Format(layout), time.Unix(1e9, 0).UTC().Format(layout)
	_, err := time.Parse(layout, a)
	return err == nil && a != b
}

func (c timeCodec) read(s string) (time.Time, bool) {
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
			if t, err := time.ParseInLocation(layout, s, c.loc); err == nil {
				return t, true
			}
		}
	}
	return time.Time{}, false
}

// strictRFC3339 refuses what package time reads besides: hours of one digit,
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
	if len(s) > maxTimeText {
		return CodeType, nil
	}
	// An unescaped plus before an offset arrives as a space.
	if n := len(s); n > 6 && s[n-6] == ' ' && s[n-3] == ':' {
		s = s[:n-6] + "+" + s[n-5:]
	}
	t, ok := c.read(s)
	if !ok {
		return CodeType, nil
	}
	*v.Addr().Interface().(*time.Time) = t
	return "", nil
}

const (
	maxTimeText = 128             // what is handed to the parsers of time
	maxMilli    = 253402300800000 // the end of the year 9999, and as far back
)

func (c timeCodec) appendText(b []byte, v reflect.Value) ([]byte, error) {
	t := *v.Addr().Interface().(*time.Time)
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
			b = t.In(c.loc).AppendFormat(b[:from], layout)
		}
		if back, ok := c.read(string(b[from:])); ok && back.Equal(t) {
			return b, nil
		}
	}
	return b, fmt.Errorf("the time %s is finer than, or outside of, what the layout carries", t.Format(time.RFC3339Nano))
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
			examples[i] = layout
		}
	}
	return "a time such as " + strings.Join(examples, " or ")
}
