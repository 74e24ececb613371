package queryparams_test

import (
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/queryparams"
)

// sameByCmp compares as the round-trip law does, by other code than the
// package's own: times are instants, numbers and addresses what they say.
func sameByCmp(a, b reflect.Value) bool {
	return cmp.Equal(a.Interface(), b.Interface(), lawOptions)
}

var lawOptions = cmp.Options{
	cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
	cmp.Comparer(func(a, b net.IP) bool { return a.Equal(b) }),
	cmp.Comparer(func(a, b big.Int) bool { return a.Cmp(&b) == 0 }),
	cmp.Comparer(func(a, b big.Rat) bool { return a.Cmp(&b) == 0 }),
	cmp.Comparer(func(a, b big.Float) bool { return a.Cmp(&b) == 0 }),
	cmp.Comparer(func(a, b float64) bool { return a == b || a != a && b != b }),
	cmp.Comparer(func(a, b float32) bool { return a == b || a != a && b != b }),
	cmp.Exporter(func(reflect.Type) bool { return true }),
}

// Fold is a text whose case does not matter: as keys of a map, two of them can
// have the same text.
type Fold string

func (f Fold) MarshalText() ([]byte, error) { return []byte(strings.ToLower(string(f))), nil }
func (f Fold) Equal(g Fold) bool            { return strings.EqualFold(string(f), string(g)) }
func (f *Fold) UnmarshalText(b []byte) error {
	*f = Fold(b)
	return nil
}

type (
	namedText string
	stamp     time.Time // has no methods
	plainPart struct {
		A int    `query:"pa"`
		B string `query:"pb" default:"x"`
	}
)

// scalarTypes are what a field can be of; some cannot be parameters.
var scalarTypes = func() []reflect.Type {
	types := []reflect.Type{
		reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[int8](), reflect.TypeFor[int64](), reflect.TypeFor[uint](), reflect.TypeFor[uint16](),
		reflect.TypeFor[float32](), reflect.TypeFor[float64](), reflect.TypeFor[string](), reflect.TypeFor[namedText](), reflect.TypeFor[string](),
		reflect.TypeFor[time.Time](), reflect.TypeFor[time.Time](), reflect.TypeFor[time.Time](), reflect.TypeFor[time.Duration](), reflect.TypeFor[time.Month](),
		reflect.TypeFor[url.URL](), reflect.TypeFor[netip.Addr](), reflect.TypeFor[netip.Prefix](), reflect.TypeFor[netip.AddrPort](), reflect.TypeFor[net.IP](),
		reflect.TypeFor[big.Int](), reflect.TypeFor[big.Rat](), reflect.TypeFor[big.Float](), reflect.TypeFor[slog.Level](),
		reflect.TypeFor[Level](), reflect.TypeFor[Ratio](), reflect.TypeFor[Celsius](), reflect.TypeFor[Fold](), reflect.TypeFor[lawColor](), reflect.TypeFor[noted](),
	}
	for _, m := range mixed {
		misfit := m.byPointer && m.ownReads != m.ownWrites                     // which only a link can tell
		if strings.HasSuffix(reflect.TypeOf(m.value).Name(), "V") && !misfit { // a third of them
			types = append(types, reflect.TypeOf(m.value))
		}
	}
	return types
}()

var wrongTypes = []reflect.Type{
	reflect.TypeFor[chan int](), reflect.TypeFor[any](), reflect.TypeFor[func()](), reflect.TypeFor[[]byte](), reflect.TypeFor[[2]int](), reflect.TypeFor[complex128](),
	reflect.TypeFor[sql.NullString](), reflect.TypeFor[mail.Address](), reflect.TypeFor[stamp](), reflect.TypeFor[struct{}](), reflect.TypeFor[[][]int](), reflect.TypeFor[**int](),
	reflect.TypeFor[*[]string](), reflect.TypeFor[map[stamp]int](), reflect.TypeFor[[]*int](),
}

var optTypes = []reflect.Type{
	reflect.TypeFor[queryparams.Opt[int]](), reflect.TypeFor[queryparams.Opt[string]](), reflect.TypeFor[queryparams.Opt[bool]](), reflect.TypeFor[queryparams.Opt[time.Time]](),
	reflect.TypeFor[queryparams.Opt[float64]](), reflect.TypeFor[queryparams.Opt[Level]](), reflect.TypeFor[queryparams.Opt[netip.Addr]](), reflect.TypeFor[queryparams.Opt[time.Duration]](), reflect.TypeFor[queryparams.Opt[url.URL]](),
}

var keyTypes = []reflect.Type{
	reflect.TypeFor[string](), reflect.TypeFor[int](), reflect.TypeFor[uint8](), reflect.TypeFor[bool](), reflect.TypeFor[float64](), reflect.TypeFor[netip.Addr](), reflect.TypeFor[Level](), reflect.TypeFor[Fold](),
}

type lawColor string

var lawCodecs = []queryparams.Codec{celsius, queryparams.OneOf[lawColor]("red", "light blue", "a,b")}

// lawTags are values for each tag, some of them wrong for any field.
var lawTags = map[string][]string{
	"default":   {"", "0", "1", "7", "true", "a", "a,b", "b c", "2024-01-02", "1h", "1.5", "low", "1|2", "192.0.2.1", "red"},
	"required":  {"true", "true", "false", "maybe"},
	"min":       {"0", "1", "-5", "2000-01-01", "1m", "0.5", "NaN", "x"},
	"max":       {"5", "10", "1000", "2030-01-01", "9h", "1e9"},
	"minlen":    {"0", "1", "3"},
	"maxlen":    {"0", "2", "9", "5000"},
	"minitems":  {"0", "1", "2"},
	"maxitems":  {"0", "1", "3", "2000"},
	"enum":      {"a|b", "1|2|3", "true", "low|high", "a| |c", "|a", "1h|2h", "2024-01-02|2025-01-02", "a,b|c"},
	"pattern":   {"[a-z]*", ".*", "(", "a|b"},
	"layout":    {"rfc3339", "date", "datetime-local", "unix", "unixmilli", "unix|unixmilli", "noon", "2006-01-02 15:04", "Jan 2, 2006", "date|rfc3339", "15:04", "02.01.06"},
	"loc":       {"Europe/Oslo", "UTC", "America/St_Johns", "Nowhere/None"},
	"unit":      {"s", "ms", "d", "ns", "y"},
	"style":     {"form", "form,explode=false", "spaceDelimited", "pipeDelimited", "sep=-", "sep=:", "sep=.", "sep=~", "deepObject", "dotted", "matrix"},
	"invalid":   {"default", "reject", "keep"},
	"duplicate": {"first", "last", "reject"},
	"empty":     {"missing", "reject"},
	"bool":      {"strict", "strct"},
	"allow":     {"control", "nan", "control,nan", "all"},
	"secret":    {"true"},
	"maxx":      {"1"},
}

// tagsFor are the tags that are likely to fit a type.
func tagsFor(t reflect.Type) []string {
	tags := []string{"required", "invalid", "secret", "empty", "duplicate", "default"}
	switch t.Kind() {
	case reflect.Slice, reflect.Map:
		return []string{"minitems", "maxitems", "style", "style", "required", "invalid", "default", "enum", "layout"}
	case reflect.String:
		return append(tags, "enum", "minlen", "maxlen", "pattern", "allow")
	case reflect.Bool:
		return append(tags, "bool")
	case reflect.Struct:
		return append(tags, "layout", "layout", "loc", "style", "min", "max")
	case reflect.Pointer:
		return append(tagsFor(t.Elem()), "style")
	}
	return append(tags, "min", "max", "enum", "unit", "allow")
}

func pick[T any](m maker, list []T) T { return list[m.IntN(len(list))] }

var lawNames = []string{"a", "b c", "é", "x.y", "n-m", "A", "%41", "a+b", "q", "tags", "u&v", "w=", "per~cent", "page", "d;e", strings.Repeat("n", 130)}

// structType draws a struct type with tags.
func (m maker) structType(depth int) reflect.Type {
	var fields []reflect.StructField
	used := map[string]bool{}
	for i := range 1 + m.IntN(4) {
		t := m.fieldType(depth)
		name := lawNames[min(m.IntN(len(lawNames)), m.IntN(len(lawNames)))]
		if used[name] && m.IntN(30) > 0 {
			name += strconv.Itoa(i)
		}
		used[name] = true
		f := reflect.StructField{Name: "F" + strconv.Itoa(i), Type: t}
		tag := "query:" + strconv.Quote(name)
		switch {
		case depth == 0 && m.IntN(60) == 0 && !used["rest"]:
			used["rest"] = true
			f.Type, tag = reflect.TypeFor[url.Values](), `query:",rest"`
		case m.IntN(60) == 0 && !used["embedded"]:
			used["embedded"] = true
			f = reflect.StructField{Name: "PlainPart", Type: reflect.TypeFor[plainPart](), Anonymous: true}
			tag = ""
		case m.IntN(40) == 0:
			tag = "" // not a parameter
		default:
			given := map[string]bool{}
			for m.IntN(3) == 0 {
				tn := pick(m, tagsFor(t))
				if m.IntN(40) == 0 {
					tn = pick(m, slices.Sorted(maps.Keys(lawTags)))
				}
				if !given[tn] {
					given[tn] = true
					tag += " " + tn + ":" + strconv.Quote(pick(m, lawTags[tn]))
				}
			}
			if containsTime(t) && !given["layout"] && m.IntN(3) == 0 {
				tag += " layout:" + strconv.Quote(m.layout())
			}
		}
		f.Tag = reflect.StructTag(tag)
		fields = append(fields, f)
	}
	return reflect.StructOf(fields)
}

func containsTime(t reflect.Type) bool {
	at := reflect.TypeFor[time.Time]()
	return t == at || (t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice) && t.Elem() == at
}

// The parts of layouts of Go's time package.
var (
	layoutDays   = []string{"2006-01-02", "02.01.2006", "2/1/06", "Jan _2, 2006", "Monday 2 January 2006", "20060102", "2006 002", "Mon Jan 2 2006", "2006", "", "01-02"}
	layoutJoins  = []string{" ", "T", "_", " at ", "", "\t"}
	layoutClocks = []string{"", "15:04", "15:04:05", "3:04PM", "03:04:05.000 PM", "1504", "15h04", "15:04:05,000", "3:04", "15:04:05.999999999"}
	layoutZones  = []string{"", "Z07:00", "-0700", "-07", "MST", "Z0700", "-07:00:00", " -0700 MST"}
)

// layout draws a layout.
func (m maker) layout() string {
	l := pick(m, layoutDays) + pick(m, layoutJoins) + pick(m, layoutClocks) + pick(m, []string{"", " "}) + pick(m, layoutZones)
	if m.IntN(3) == 0 {
		l = strings.TrimSpace(l)
	}
	if m.IntN(4) == 0 {
		l += "|date"
	}
	if m.IntN(5) == 0 { // a layout may end as an offset does
		l = pick(m, layoutDays[:6]) + " 15:04"
	}
	return l
}

func TestTimesInEveryLayoutAreReadBackOrRefused(t *testing.T) {
	t.Parallel()
	m := newMaker(soaktest.Seed())
	accepted, refused, written := 0, 0, 0
	for _, day := range layoutDays {
		for _, join := range layoutJoins {
			for _, clock := range layoutClocks {
				for _, space := range []string{"", " "} {
					for _, zone := range layoutZones {
						if !soaktest.Long() && m.IntN(8) > 0 {
							continue
						}
						layout, loc := day+join+clock+space+zone, pick(m, []string{"UTC", "Europe/Oslo", "America/St_Johns", "Asia/Kathmandu"})
						typ := one(reflect.TypeFor[time.Time](), "layout:"+strconv.Quote(layout)+" loc:"+strconv.Quote(loc))
						s, err := queryparams.CompileType(typ, queryparams.SchemaConfig{})
						if err != nil {
							refused++
							continue
						}
						accepted++
						zoneOf, _ := time.LoadLocation(loc)
						for _, at := range []time.Time{
							time.Date(2024, 2, 29, 15, 4, 0, 0, zoneOf), time.Date(1999, 12, 31, 0, 0, 0, 0, zoneOf), time.Date(2024, 7, 1, 23, 59, 59, 5e8, zoneOf),
							time.Date(2024, 10, 27, 2, 30, 0, 0, zoneOf), time.Unix(1e9, 1).UTC(), m.time(), time.Date(0, 1, 1, 15, 4, 0, 0, zoneOf), time.Date(2024, 1, 1, 0, 0, 0, 0, time.FixedZone("", -5400)),
						} {
							v := reflect.New(typ)
							v.Elem().Field(0).Set(reflect.ValueOf(at))
							if lawHolds(t, s, queryparams.SchemaConfig{}, v) {
								written++
							}
						}
					}
				}
			}
		}
	}
	t.Logf("%d layouts accepted, %d refused, %d times written", accepted, refused, written)
	if accepted < refused || written < accepted {
		t.Errorf("%d layouts accepted, %d refused, %d times written: the law was hardly tested", accepted, refused, written)
	}
}

func (m maker) fieldType(depth int) reflect.Type {
	if m.IntN(80) == 0 {
		return pick(m, wrongTypes)
	}
	t := pick(m, scalarTypes)
	inner := func() reflect.Type {
		if depth >= 2 {
			return reflect.TypeFor[plainPart]()
		}
		return m.structType(depth + 1)
	}
	switch m.IntN(20) {
	case 0, 1:
		return reflect.PointerTo(t)
	case 2, 3:
		return pick(m, optTypes)
	case 4, 5, 6, 7:
		return reflect.SliceOf(t)
	case 8, 9:
		return reflect.MapOf(pick(m, keyTypes), t)
	case 10:
		return inner()
	case 11:
		return reflect.PointerTo(inner())
	case 12:
		return reflect.SliceOf(inner())
	}
	return t
}

// config draws a configuration.
func (m maker) config() queryparams.SchemaConfig {
	cfg := queryparams.SchemaConfig{Codecs: lawCodecs}
	cfg.Lenient, cfg.FoldCase, cfg.KeepDefaults = m.IntN(6) == 0, m.IntN(6) == 0, m.IntN(6) == 0
	if m.IntN(4) == 0 {
		cfg.RejectUnknown = true
	}
	if m.IntN(4) == 0 {
		cfg.Limits = queryparams.Limits{MaxBytes: 300, MaxPairs: 6, MaxKeyLen: 40, MaxValueLen: 30, MaxElements: 4}
	}
	return cfg
}

// fill draws a value for v; much of it is left zero.
func (m maker) fill(v reflect.Value) {
	if m.IntN(3) == 0 {
		return
	}
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		*p = m.time()
		if m.IntN(2) == 0 {
			*p = time.Date(1990+m.IntN(60), time.Month(1+m.IntN(12)), 1+m.IntN(28), m.IntN(24), m.IntN(60), m.IntN(3)*20, m.IntN(2)*5e8, time.UTC)
		}
		return
	case *time.Duration:
		*p = m.duration()
		return
	case *url.URL:
		*p = url.URL{Scheme: "https", Host: "example.org", Path: "/" + m.text(), RawQuery: "a=b&c"}
		return
	case *netip.Addr:
		*p = netip.MustParseAddr(pick(m, []string{"192.0.2.1", "::1", "fe80::1%eth0", "::ffff:192.0.2.1"}))
		return
	case *netip.Prefix:
		*p = netip.PrefixFrom(netip.MustParseAddr(pick(m, []string{"192.0.2.1", "::1", "::ffff:192.0.2.1"})), m.IntN(140)-5)
		return
	case *netip.AddrPort:
		*p = netip.AddrPortFrom(netip.MustParseAddr(pick(m, []string{"192.0.2.1", "::1", "fe80::1%eth0"})), uint16(m.int()))
		return
	case *net.IP:
		*p = pick(m, []net.IP{net.IPv4(192, 0, 2, 1), net.IPv4(192, 0, 2, 1).To4(), {}, net.IPv6loopback, {1, 2, 3}})
		return
	case *big.Int:
		p.Lsh(big.NewInt(int64(m.int())), uint(m.IntN(80)))
		return
	case *big.Rat:
		p.SetFrac64(int64(m.int()), int64(1+m.IntN(9)))
		return
	case *big.Float:
		*p = *big.NewFloat(m.Float64())
		if m.IntN(2) == 0 {
			p.SetPrec(200).Quo(p, big.NewFloat(3))
		}
		return
	case *Celsius:
		*p = Celsius(m.float())
		return
	case *Level:
		*p = Level(m.IntN(4))
		return
	case *lawColor:
		*p = pick(m, []lawColor{"red", "light blue", "a,b", "bleu"})
		return
	case *url.Values:
		*p = url.Values{"r" + m.text(): {m.text(), m.text()}}
		return
	}
	for _, mix := range mixed {
		if v.Type() == reflect.TypeOf(mix.value) {
			v.Set(reflect.ValueOf(mix.value))
			return
		}
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(m.int()))
		if m.IntN(2) == 0 {
			v.SetInt(int64(m.IntN(12)))
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(m.int()) & (1<<v.Type().Bits() - 1))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(m.float())
	case reflect.String:
		v.SetString(m.text())
		if m.IntN(2) == 0 {
			v.SetString(pick(m, []string{"a", "b", "c", "a,b", "b c", "a\tb"}))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		m.fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), m.IntN(4), 4))
		for i := range v.Len() {
			m.fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range m.IntN(4) {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			m.fill(key)
			m.fill(value)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		if strings.HasPrefix(v.Type().Name(), "Opt[") {
			m.fillOpt(v)
			return
		}
		for i := range v.NumField() {
			f := v.Type().Field(i)
			_, tagged := f.Tag.Lookup("query")
			if tagged || f.Anonymous {
				m.fill(v.Field(i))
			}
		}
	}
}

func (m maker) fillOpt(v reflect.Value) {
	if m.IntN(4) == 0 {
		v.Addr().Interface().(interface{ SetEmpty() }).SetEmpty()
		return
	}
	value := v.Addr().Interface().(interface{ SetValue() reflect.Value }).SetValue()
	m.fill(value)
}

// query draws a query for a schema out of its names and texts that might fit.
func (m maker) query(names []string) string {
	values := []string{
		"", "0", "1", "7", "-1", "%2B1", "true", "off", "a", "b", "b+c", "a,b", "a%2Cb", "1,2", "1%2C2", "1%7C2", "1-2", "1~2", "low", "high", "2024-01-02", "2024-01-02T03:04:05.5%2B02:00", "2024-01-02T03:04", "2024-01-02+15:04",
		"1h", "PT5M", "90", "1.5", "1e3", "NaN", "red", "192.0.2.1", "::1", "1:2", "20C", "https://example.org/a+b?c", "%zz", "%00", "a%09b", "%ff", "INFO", "1/3", "own-2024-01-02T03:04:05Z", "own-1", "1700000000",
	}
	var b strings.Builder
	for range m.IntN(6) {
		b.WriteString("&" + url.QueryEscape(pick(m, append(names, "zz"))))
		b.WriteString(pick(m, []string{"", "", "", "", "[]", "[0]", "[1]", "[k]", "[1]", "[0][a]", "[a]", ".a", "[true]"}))
		if m.IntN(15) > 0 {
			b.WriteString("=" + pick(m, values))
		}
	}
	return strings.TrimPrefix(b.String(), "&")
}

// The law: what NewSchema accepts, Encode writes and Parse reads back as the
// same value; or one of them refuses, and says why.
func TestWhatIsWrittenIsReadBackOrRefused(t *testing.T) {
	t.Parallel()
	seed := soaktest.Seed()
	t.Logf("seed %d", seed)
	m := newMaker(seed)
	rounds := soaktest.Rounds(30_000)
	var accepted, refused, written, read int
	tags := map[string]int{}
	for range rounds {
		typ, cfg := m.structType(0), m.config()
		s, err := queryparams.CompileType(typ, cfg)
		if err != nil {
			if _, ok := errors.AsType[*queryparams.SchemaError](err); !ok || strings.Contains(err.Error(), "PANIC") {
				t.Fatalf("%v: error %v (%T)", typ, err, err)
			}
			refused++
			continue
		}
		accepted++
		for i := range typ.NumField() {
			for name := range lawTags {
				if _, ok := typ.Field(i).Tag.Lookup(name); ok {
					tags[name]++
				}
			}
		}
		for range 4 {
			v := reflect.New(typ)
			m.fill(v.Elem())
			if lawHolds(t, s, cfg, v) {
				written++
			}
		}
		if got := flatNames("", s.Parameters()); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(s.Names()))) {
			t.Fatalf("%v\nParameters describes %q, its names are %q", typ, got, s.Names())
		}
		for range 4 {
			raw := m.query(s.Names())
			v, err := s.Parse(raw)
			if err != nil {
				continue
			}
			read++
			if _, err := s.Encode(v); err != nil && !isLimit(err) {
				t.Fatalf("%v\n%q is read as %+v, and Encode refuses it: %v", typ, raw, v.Elem(), err)
			}
			lawHolds(t, s, cfg, v)
		}
	}
	t.Logf("%d types accepted, %d refused; %d values written, %d queries read", accepted, refused, written, read)
	if accepted < rounds/5 || written < accepted || read < accepted {
		t.Errorf("%d types accepted, %d refused; %d values written, %d queries read: the law was hardly tested", accepted, refused, written, read)
	}
	for name := range lawTags { // an ordinary run has too few of each to count on
		if soaktest.Long() && (tags[name] == 0) != (name == "maxx") {
			t.Errorf("%d schemas have the tag %s", tags[name], name)
		}
	}
}

// isLimit reports whether all that Encode had to say is that what was read
// takes more room when it is escaped.
func isLimit(err error) bool {
	ee, ok := errors.AsType[*queryparams.EncodeError](err)
	if !ok {
		return false
	}
	for _, f := range ee.Fields {
		if !strings.HasPrefix(string(f.Code), "limit_") {
			return false
		}
	}
	return true
}

func lawHolds(t *testing.T, s *queryparams.Dynamic, cfg queryparams.SchemaConfig, v reflect.Value) bool {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Helper()
		cfg.Codecs = nil
		t.Fatalf("%v\nconfig %+v\nvalue %+v\n%s", s.Type(), cfg, v.Elem(), fmt.Sprintf(format, args...))
	}
	raw, err := s.Encode(v)
	if err != nil {
		if _, ok := errors.AsType[*queryparams.EncodeError](err); !ok {
			fail("Encode: %v (%T)", err, err)
		}
		return false
	}
	if i := strings.IndexFunc(raw, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"<>#;'|[]\^{}`+"`", r) }); i >= 0 {
		fail("%q is not fit for a URL", raw)
	}
	back, err := s.Parse(raw)
	if err != nil {
		fail("written as %q, which Parse refuses: %v", raw, err)
	}
	if !sameByCmp(v.Elem(), back.Elem()) {
		fail("written as %q, which reads back as another value:\n%s", raw, cmp.Diff(v.Elem().Interface(), back.Elem().Interface(), lawOptions))
	}
	if again, err := s.Encode(back); again != raw || err != nil {
		fail("written as %q, read, and written as %q (%v)", raw, again, err)
	}
	return true
}

// Times of every kind in layouts of every kind.
func FuzzLayouts(f *testing.F) {
	f.Add("2006-01-02 15:04", "Europe/Oslo", int64(1e9), int64(0), "2024-01-02 15:04")
	f.Add("Mon, 02 Jan 2006 15:04:05 MST", "", int64(0), int64(5), "Mon, 02 Jan 2006 15:04:05 EST")
	f.Add("2006-01-02T15:04:05Z07:00|date", "America/St_Johns", int64(-1), int64(1), "2024-01-02T15:04:05.5 02:00")
	f.Fuzz(func(t *testing.T, layout, loc string, sec, nano int64, text string) {
		typ := one(reflect.TypeFor[time.Time](), "layout:"+strconv.Quote(layout)+" loc:"+strconv.Quote(loc))
		s, err := queryparams.CompileType(typ, queryparams.SchemaConfig{})
		if err != nil {
			return
		}
		v := reflect.New(typ)
		v.Elem().Field(0).Set(reflect.ValueOf(time.Unix(sec%(1<<38), nano%1e9).UTC()))
		lawHolds(t, s, queryparams.SchemaConfig{}, v)
		if v, err := s.Parse("x=" + url.QueryEscape(text)); err == nil {
			if _, err := s.Encode(v); err != nil {
				t.Errorf("layout %q: %q is read as %v and refused: %v", layout, text, v.Elem(), err)
			}
			lawHolds(t, s, queryparams.SchemaConfig{}, v)
		}
	})
}

// flatNames lists the names that the described parameters have in a URL, a list
// of structs by its own name.
func flatNames(prefix string, params []queryparams.Parameter) []string {
	var names []string
	for _, p := range params {
		name := p.Name
		if prefix != "" {
			name = prefix + "[" + p.Name + "]"
		}
		if p.Fields != nil {
			names = append(names, flatNames(name, p.Fields)...)
			continue
		}
		names = append(names, name)
	}
	return names
}
