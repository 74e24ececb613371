package queryparams_test

import (
	"database/sql"
	"errors"
	"log"
	"net/mail"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reecho-go/reecho/queryparams"
)

func TestLayoutsThatEndLikeAnOffsetAreReadBack(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 1, 2, 15, 4, 0, 0, time.UTC)
	for _, layout := range []string{
		"2006-01-02 15:04", "02.01.2006 15:04", "2 Jan 2006 15:04", "Jan 2, 2006 15:04", "Mon, 2 Jan 2006 15:04", "2006-01-02 1504", "2006-01-02T15:04:05 -0700", "2006-01-02 15:04 Z07:00", "2006-01-02 15:04:05 MST",
	} {
		s, err := queryparams.CompileType(one(reflect.TypeFor[time.Time](), `layout:"`+layout+`"`), queryparams.SchemaConfig{})
		if err != nil {
			t.Errorf("%s: %v", layout, err)
			continue
		}
		v := reflect.New(s.Type())
		v.Elem().Field(0).Set(reflect.ValueOf(at))
		raw, err := s.Encode(v)
		if err != nil {
			t.Errorf("%s: %v", layout, err)
			continue
		}
		if back, err := s.Parse(raw); err != nil || !back.Elem().Field(0).Interface().(time.Time).Equal(at) {
			t.Errorf("%s: %q reads back %v, %v", layout, raw, back.Elem(), err)
		}
	}
	type Offset struct {
		At time.Time `query:"at" layout:"2006-01-02T15:04:05-0700"`
	}
	reads(t, "at=2024-01-02T15:04:05+0100", Offset{time.Date(2024, 1, 2, 14, 4, 5, 0, time.UTC)}) // the plus arrives as a space
}

func TestTimesThatNoLinkCouldCarryAreNotRead(t *testing.T) {
	t.Parallel()
	type T struct {
		At    time.Time `query:"at" layout:"2006-01-02 15:04:05"`
		Local time.Time `query:"local" layout:"datetime-local"`
		Zone  time.Time `query:"zone" layout:"2006-01-02 15:04 MST"`
	}
	reads(t, "at=2024-01-02+03:04:05.5", T{}, fault("at", "type"))
	reads(t, "zone=2024-01-02+03:04+EST", T{}, fault("zone", "type")) // package time would take it for UTC
	reads(t, "zone=2024-01-02+03:04+UTC", T{Zone: time.Date(2024, 1, 2, 3, 4, 0, 0, time.UTC)})
	s := queryparams.Must(queryparams.SchemaOf[T]())
	for _, text := range []string{"2024-01-02T03:04", "2024-01-02T03:04:05", "2024-01-02T03:04:05.125"} { // what browsers send
		v, err := s.Parse("local=" + text)
		if err != nil {
			t.Fatal(err)
		}
		if raw, err := s.Encode(v); raw != "local="+text || err != nil {
			t.Errorf("%s is written as %q, %v", text, raw, err)
		}
	}
}

func TestURLsThatAreReadCanBeWritten(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"https://example.org/a+b?c", "https://example.org/%3Ca%3E", "/a%2520b", "%23a+b", "HTTP://EXAMPLE.org:/x"} {
		v, err := everything.Parse("url=" + text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if raw, err := everything.Encode(v); err != nil {
			t.Errorf("%s is read and written as %q, %v", text, raw, err)
		}
	}
}

type plainStamp time.Time

func TestFieldsThatNothingCanBeReadIntoAreRefusedTogether(t *testing.T) {
	t.Parallel()
	type Null struct {
		A sql.NullString   `query:"a"`
		B mail.Address     `query:"b"`
		C plainStamp       `query:"c"`
		D *sql.NullInt64   `query:"d"`
		E []mail.Address   `query:"e"`
		F struct{ X int }  `query:"f" style:"form"`
		G struct{ X int }  `query:"g" style:"dotted"`
		H *struct{ X int } `query:"h"`
		Z int              `query:"z"`
	}
	err := schemaError[Null]()
	for _, want := range []string{"Null.A: sql.NullString", "Null.B: mail.Address", "Null.C: queryparams_test.plainStamp", "Null.D: *sql.NullInt64", "Null.E: mail.Address", "Null.F: struct{...}", "Null.G:", "Null.H: *struct{...}", "MarshalText", "Codec"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not mention %s:\n%v", want, err)
		}
	}
	type untagged struct{ Page, Size int }
	if _, err := queryparams.TypeOf(reflect.TypeFor[untagged]()); err == nil || !strings.Contains(err.Error(), "untagged: has no parameters") {
		t.Errorf("a struct without tags: %v", err)
	}
	if _, err := queryparams.TypeOf(reflect.TypeFor[struct{}]()); err == nil {
		t.Error("a struct without fields is a schema")
	}
}

func TestMisspeltTagsAreRefusedTogether(t *testing.T) {
	t.Parallel()
	type T struct {
		A int    `query:"a" mn:"1"`
		B int    `query:"b" maxx:"2"`
		C int    `query:"c" Required:"true"`
		D bool   `query:"d" bool:"strct"`
		E int    `Query:"e"`
		F int    `qeury:"f"`
		G string `query:"g" minLen:"1"`
		H string `query:"h" patern:"a"`
		I []int  `query:"i" max_items:"2"`
		M string `query:"m" empty:""`
		N int    `query:"n" defaul:"1"`
	}
	err := schemaError[T]()
	for _, want := range []string{
		"T.A: there is no tag mn: did you mean min?", "T.B: there is no tag maxx: did you mean max?", "T.C: there is no tag Required: did you mean required?", `T.D: bool:"strct": use strict`,
		"T.E: there is no tag Query: did you mean query?", "T.F: there is no tag qeury: did you mean query?", "T.G: there is no tag minLen: did you mean minlen?", "T.H: there is no tag patern: did you mean pattern?",
		"T.I: there is no tag max_items: did you mean maxitems?", `T.M: empty:"": use missing or reject`, "did you mean default?",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %s:\n%v", want, err)
		}
	}
	for _, tag := range []reflect.StructTag{`query:"k" min:3`, `query: "l"`, `query:"x",min:"1"`, `query:page`, `query:"x" min:"1" min:"2"`} {
		typ := reflect.StructOf([]reflect.StructField{{Name: "A", Type: reflect.TypeFor[int](), Tag: `query:"a"`}, {Name: "K", Type: reflect.TypeFor[int](), Tag: tag}})
		if _, err := queryparams.CompileType(typ, queryparams.SchemaConfig{}); err == nil || !strings.Contains(err.Error(), "struct{...}.K: the") {
			t.Errorf("%s: %v", tag, err)
		}
	}
	type Others struct { // tags of other tools are none of ours
		A int `json:"a" form:"a" query:"a" xml:"a" yaml:"a" db:"a" gorm:"a" env:"A" example:"1" enums:"1,2" format:"x" minimum:"1" minLength:"2" in:"query=a" hash:"-" mapstructure:"a" bson:"a" toml:"a" label:"a" log:"-"`
	}
	if _, err := queryparams.TypeOf(reflect.TypeFor[Others]()); err != nil {
		t.Error(err)
	}
	type Rest struct {
		A    int                 `query:"a"`
		Rest map[string][]string `query:"-" maxitems:"3"`
	}
	if _, err := queryparams.TypeOf(reflect.TypeFor[Rest]()); err != nil {
		t.Error(err)
	}
}

func TestContradictoryTagsAreRefusedTogether(t *testing.T) {
	t.Parallel()
	type T struct {
		A string      `query:"a" minlen:"5" maxlen:"3"`
		B []int       `query:"b" minitems:"5" maxitems:"3"`
		C []int       `query:"c" minitems:"300"`
		D string      `query:"d" maxlen:"5000"`
		E int         `query:"e" enum:"1|20" max:"9"`
		F string      `query:"f" enum:"a|bc" maxlen:"1"`
		G string      `query:"g" enum:"a|B" pattern:"[a-z]"`
		H int         `query:"h" required:"true" invalid:"default"`
		I float64     `query:"i" min:"NaN" allow:"nan"`
		J []time.Time `query:"j" style:"spaceDelimited" layout:"2006-01-02 15:04"`
		K time.Time   `query:"k" layout:"2006-01-02 03:04"`
		L time.Time   `query:"l" layout:"Monday"`
		M int         `query:"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"`
	}
	err := schemaError[T]()
	for _, want := range []string{
		"T.A: minlen is 5, more than maxlen, 3", "T.B: minitems is 5, more than", "T.C: minitems is 300, more than Limits.MaxPairs", "T.D: minlen or maxlen is 5000", `T.E: enum:"20" is out of range`,
		`T.F: enum:"bc" is too long`, `T.G: enum:"B" does not have the required form`, "T.H: invalid", `T.I: min:"NaN" is not a bound`, "T.J: style", "T.K: layout", "03:00 from 15:00", "T.L: layout", "MaxKeyLen",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %s:\n%v", want, err)
		}
	}
}

// A mistake in one tag hides no other mistake, and makes up none.
func TestEveryFaultOfTheTagsIsReportedAndNoOther(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err  error
		want []string // what the lines of the error hold, in order
	}{
		"a bound that is no number": {schemaError[struct {
			A int `query:"a" min:"1" max:"x"`
		}](), []string{`max:"x"`}},
		"both bounds": {schemaError[struct {
			A int `query:"a" min:"y" max:"x"`
		}](), []string{`min:"y"`, `max:"x"`}},
		"a bound and the values": {schemaError[struct {
			A int `query:"a" max:"x" enum:"1|b|3|d"`
		}](), []string{`max:"x"`, `enum:"b"`, `enum:"d"`}},
		"a misspelt tag and a value out of bounds": {schemaError[struct {
			A int `query:"a" max:"2" enum:"1|3" requird:"true"`
		}](), []string{"did you mean required", `enum:"3" is out of range`}},
		"NaN": {schemaError[struct {
			A float64 `query:"a" allow:"nan" min:"1" max:"NaN"`
		}](), []string{`max:"NaN" is not a bound`}},
		"a bound and a default": {schemaError[struct {
			A int `query:"a" max:"x" default:"y"`
		}](), []string{`max:"x"`, `default:"y"`}},
		"another field's default": {schemaError[struct {
			A int `query:"a" max:"x"`
			B int `query:"b" default:"y"`
			C int `query:"c" min:"3" max:"2"`
		}](), []string{`max:"x"`, "min is more than max", `default:"y"`}},
		"a default out of the values that can be read": {schemaError[struct {
			A int `query:"a" enum:"1|x" default:"2"`
		}](), []string{`enum:"x"`, `default:"2"`}},
		"a pattern": {schemaError[struct {
			A string `query:"a" pattern:"[" minlen:"3" maxlen:"2" enum:"abc"`
		}](), []string{"pattern: ", `enum:"abc" is too long`, "minlen is 3, more than maxlen, 2"}},
		"lengths": {schemaError[struct {
			A string `query:"a" minlen:"x" maxlen:"2" default:"abc"`
		}](), []string{`minlen:"x"`, `default:"abc"`}},
		"an unknown style": {schemaError[struct {
			A []int `query:"a" style:"sep=_;" default:"1;2" minitems:"2" maxitems:"1"`
		}](), []string{"style:", "minitems is 2"}},
		"a unit": {schemaError[struct {
			A time.Duration `query:"a" unit:"y" default:"5" min:"1"`
		}](), []string{`unit "y"`}},
		"a layout": {schemaError[struct {
			A time.Time `query:"a" layout:"noon" default:"2001-01-01" lok:"UTC"`
			B int       `query:"a"`
		}](), []string{"did you mean loc", `layout "noon"`}},
		"the elements of a list": {schemaError[struct {
			L []struct {
				A int `query:"a" max:"x"`
				B int `query:"b" default:"y"`
			} `query:"l"`
		}](), []string{`max:"x"`, `default:"y"`}},
	} {
		if tt.err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		lines := strings.Split(tt.err.Error(), "\n")
		if len(lines) != len(tt.want) {
			t.Errorf("%s: %d faults, want %d:\n%v", name, len(lines), len(tt.want), tt.err)
			continue
		}
		for i, want := range tt.want {
			if !strings.Contains(lines[i], want) {
				t.Errorf("%s: line %d is %q, want %s", name, i, lines[i], want)
			}
		}
	}
}

// schemaError is the error of NewSchema[T], which is that of its type alone.
func schemaError[T any](cfg ...queryparams.SchemaConfig) error {
	_, err := queryparams.CompileType(reflect.TypeFor[T](), append(cfg, queryparams.SchemaConfig{})[0])
	return err
}

// Not parallel: it looks at what the default logger is told.
func TestAMistakeThatARequestMeetsIsLoggedOnce(t *testing.T) {
	type broken struct {
		A int `query:"a" max:"x"`
	}
	type number int // a type of its own, whose first mistake this is
	for name, tt := range map[string]struct {
		call func() error
		want string
	}{
		"a schema": {func() error { _, err := queryparams.TypeOf(reflect.TypeFor[broken]()); return err }, `broken.A: max:"x"`},
		"no parameter": {func() error {
			_, err := queryparams.Lookup("a=1", "a", queryparams.Param[map[string]int]{})
			return err
		}, "use a schema"},
		"bounds": {func() error {
			_, err := queryparams.Lookup("a=1", "a", queryparams.Param[number]{Min: new(number(2)), Max: new(number(1))})
			return err
		}, "Param.Min, 2, is more than Param.Max, 1"},
	} {
		var text strings.Builder
		before := log.Writer()
		log.SetOutput(&text)
		for range 3 {
			if err := tt.call(); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		log.SetOutput(before)
		if got := text.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, tt.want) || !strings.Contains(got, "status 500") {
			t.Errorf("%s: the log is %q, want one line with %s", name, got, tt.want)
		}
	}
}

// Not parallel: it looks at what the default logger is told.
func TestTagsOfValidatorsGetANotice(t *testing.T) {
	var text strings.Builder
	before := log.Writer()
	log.SetOutput(&text)
	defer log.SetOutput(before)
	type validated struct {
		A int    `query:"a" validate:"min=1"`
		B string `query:"b" binding:"required"`
		C string `json:"c" validate:"required"`
	}
	queryparams.Must(queryparams.NewSchema[validated](queryparams.SchemaConfig{}))
	if got := text.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "validated.A validate") || !strings.Contains(got, "validated.B binding") || strings.Contains(got, "validated.C") {
		t.Errorf("the log is %q", got)
	}
}

func TestIndicesMayComeInAnyOrder(t *testing.T) {
	t.Parallel()
	type line struct {
		N int `query:"n"`
	}
	type T struct {
		Line []line `query:"line"`
		IDs  []int  `query:"ids"`
	}
	// 12 items as a client that sorts names sends them
	raw, want := "", T{}
	for _, i := range []string{"0", "1", "10", "11", "2", "3", "4", "5", "6", "7", "8", "9"} {
		raw += "&ids[" + i + "]=" + i + "&line[" + i + "][n]=" + i
	}
	for i := range 12 {
		want.IDs, want.Line = append(want.IDs, i), append(want.Line, line{i})
	}
	reads(t, raw[1:], want)
	reads(t, "line[1][n]=2&line[0][n]=1&line[1][x]=", T{Line: []line{{1}, {2}}})
	reads(t, "line[0][n]=1&line[2][n]=1&line[3][n]=1", T{}, fault("line[2]", "bad_index"))
	reads(t, "line[1][n]=1&line[2][n]=1&line[1][x]=2", T{}, fault("line[1]", "bad_index"))
	reads(t, "line[15999][n]=1&line[0][n]=1", T{}, fault("line[15999]", "bad_index"))
	reads(t, "ids[2]=1&ids[0]=1", T{}, fault("ids[2]", "bad_index"))
	reads(t, "ids[1]=1&ids[0]=1&ids[1]=2", T{}, fault("ids[1]", "bad_index"))
	reads(t, "ids[1]=6&ids[]=7", T{}, fault("ids[1]", "bad_index"))
}

func TestAnEscapedSeparatorSeparatesWhereItCannotBeText(t *testing.T) {
	t.Parallel()
	type T struct {
		IDs   []int           `query:"ids" style:"form,explode=false"`
		F     []float64       `query:"f" style:"sep=:"`
		Dash  []int           `query:"dash" style:"sep=-"`
		Tags  []string        `query:"tags" style:"form,explode=false"`
		Size  []string        `query:"size" style:"form,explode=false" enum:"S|M|L"`
		Days  []time.Time     `query:"days" style:"form,explode=false" layout:"date"`
		IPs   []netip.Addr    `query:"ips" style:"form,explode=false"`
		Flags []bool          `query:"flags" style:"form,explode=false"`
		D     []time.Duration `query:"d" style:"form,explode=false"`
	}
	day := func(d int) time.Time { return time.Date(2024, 1, d, 0, 0, 0, 0, time.UTC) }
	reads(t, "ids=1%2C2%2c3,4", T{IDs: []int{1, 2, 3, 4}})
	reads(t, "f=1.5%3A2", T{F: []float64{1.5, 2}})
	reads(t, "dash=1-%2D2", T{Dash: []int{1, -2}})
	reads(t, "tags=a%2Cb", T{Tags: []string{"a,b"}}) // of a text it is a part
	reads(t, "size=S%2CL", T{Size: []string{"S", "L"}})
	reads(t, "days=2024-01-02%2C2024-01-03", T{Days: []time.Time{day(2), day(3)}})
	reads(t, "ips=192.0.2.1%2C192.0.2.2", T{IPs: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}})
	reads(t, "flags=true%2Coff", T{Flags: []bool{true, false}})
	reads(t, "d=1h%2C30m", T{D: []time.Duration{time.Hour, 30 * time.Minute}})
	reads(t, "ids=1%2Cx", T{}, fault("ids[1]", "type"))
}

func TestAnOptionThatHasGoneIsDroppedFromItsList(t *testing.T) {
	t.Parallel()
	type T struct {
		L []string       `query:"l" enum:"a|b|c" invalid:"default" default:"a,b"`
		N []int          `query:"n" invalid:"default" style:"form,explode=false" minitems:"2"`
		M map[string]int `query:"m" invalid:"default"`
		P []string       `query:"p" invalid:"default"`
	}
	d := []string{"a", "b"}
	reads(t, "l=gone&l=c&l=a&l=%zz", T{L: []string{"c", "a"}})
	reads(t, "l=gone&l=too", T{L: d}) // none is left
	reads(t, "n=1,x,3", T{L: d, N: []int{1, 3}})
	reads(t, "n=1,x", T{L: d}) // too few are left
	reads(t, "p=%zz&p=a&p=%00&p=b", T{L: d, P: []string{"a", "b"}})
	reads(t, "m[a]=1&m[b]=x&m[c]=3", T{L: d, M: map[string]int{"a": 1, "c": 3}})
	s := queryparams.Must(queryparams.SchemaOf[T]())
	v, corrected, err := s.Correct("l=gone&l=c")
	if err != nil || !cmp.Equal(v.L, []string{"c"}) || len(corrected) != 1 || corrected[0].Path != "l[0]" || corrected[0].Code != queryparams.CodeEnum {
		t.Errorf("%+v, %v, %v", v, corrected, err)
	}
	few := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{Limits: queryparams.Limits{MaxErrors: 1}}))
	if v, err := few.Parse("l=x&l=y&l=z&l=c"); err != nil || !cmp.Equal(v.L, []string{"c"}) {
		t.Errorf("with more faults than are reported: %+v, %v", v, err)
	}
}

func TestAPastedTabIsText(t *testing.T) {
	t.Parallel()
	type T struct {
		S string            `query:"s"`
		M map[string]string `query:"m"`
		N int               `query:"n"`
	}
	reads(t, "s=a%09b", T{S: "a\tb"})
	reads(t, "s=a\tb", T{S: "a\tb"})
	reads(t, "m[k]=%09", T{M: map[string]string{"k": "\t"}})
	reads(t, "n=1%09", T{}, fault("n", "type"))
	reads(t, "s=a%0Ab", T{}, fault("s", "control_char"))
	s := queryparams.Must(queryparams.SchemaOf[T]())
	if raw, err := s.Encode(T{S: "a\tb"}); raw != "s=a%09b" || err != nil {
		t.Errorf("Encode = %q, %v", raw, err)
	}
}

func TestABoundOfZeroIsABound(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		param queryparams.Param[int]
		raw   string
		want  string // a part of the error; empty: none
	}{
		{"below zero", queryparams.Param[int]{Min: new(0)}, "n=-1", "out_of_range"},
		{"zero", queryparams.Param[int]{Min: new(0)}, "n=0", ""},
		{"no bound", queryparams.Param[int]{Max: new(5)}, "n=-1", ""},
		{"at most zero", queryparams.Param[int]{Max: new(0)}, "n=1", "out_of_range"},
		{"contradictory", queryparams.Param[int]{Min: new(2), Max: new(1)}, "n=1", "Param.Min, 2, is more than Param.Max, 1"},
		{"default out of bounds", queryparams.Param[int]{Default: 9, Max: new(5)}, "", "Param.Default, 9, is not between"},
		{"default of a required one", queryparams.Param[int]{Default: 9, Required: true}, "n=1", "no use"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := queryparams.Lookup(tt.raw, "n", tt.param)
			text := ""
			if errs, ok := errors.AsType[*queryparams.Errors](err); ok {
				text = string(errs.Fields[0].Code)
			} else if err != nil {
				text = err.Error()
			}
			if (err != nil) != (tt.want != "") || !strings.Contains(text, tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestUnknownParametersMayBeLong(t *testing.T) {
	t.Parallel()
	type T struct {
		Page int            `query:"page"`
		M    map[string]int `query:"m"`
	}
	long := strings.Repeat("x", 5000)
	reads(t, "click="+long+"&page=2", T{Page: 2})
	reads(t, long+"=1&page=2", T{Page: 2})
	reads(t, "page="+long, T{}, fault("page", "limit_value"))
	reads(t, "m["+long+"]=1", T{}, fault("", "limit_key"))
	reads(t, "click="+long+long, T{}, fault("", "limit_bytes"))
	s := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{RejectUnknown: true}))
	if _, err := s.Parse("click=" + long); err == nil {
		t.Error("RejectUnknown takes a long one")
	}
	if n, err := queryparams.Lookup("click="+long+"&page=2", "page", queryparams.Param[int]{}); n != 2 || err != nil {
		t.Errorf("Lookup = %d, %v", n, err)
	}
	if _, err := queryparams.Lookup("page="+long, "page", queryparams.Param[string]{}); err == nil {
		t.Error("Lookup takes a long one of its own")
	}
}

func TestTheEmptyKeyCanBeDeleted(t *testing.T) {
	t.Parallel()
	p, err := queryparams.ParseParams("=x&a=1&=y")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Delete(""); err != nil || p.Encode() != "a=1" {
		t.Errorf("Delete: %v, left %q", err, p.Encode())
	}
	if err := p.Delete("\xff"); err != nil || p.Encode() != "a=1" {
		t.Errorf("Delete of what cannot be there: %v, left %q", err, p.Encode())
	}
	if err := p.Set("", "x"); err == nil {
		t.Error("Set writes a parameter without a name")
	}
	if err := p.Delete("embed"); err == nil {
		t.Error("Delete removes a reserved key")
	}
}

type usState string

func TestFaultsAreInPlainWordsAndSuggestWhatIsNear(t *testing.T) {
	t.Parallel()
	type T struct {
		State usState           `query:"state"`
		Sort  string            `query:"sort" enum:"name|price|-name"`
		Sizes []string          `query:"sizes" enum:"small|large"`
		F     float64           `query:"f" min:"0"`
		G     float32           `query:"g"`
		Sub   []struct{ N int } `query:"-"`
		L     []struct {
			Name int `query:"name"`
		} `query:"l"`
		Pin string `query:"pin" enum:"1234|5678" secret:"true"`
	}
	s := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{
		RejectUnknown: true, Codecs: []queryparams.Codec{queryparams.OneOf[usState]("Texas", "Ohio", "New York")},
	}))
	for raw, want := range map[string]string{
		"state=Texass":           `state: is not one of the allowed values (sent "Texass"), expected one of Texas, Ohio, New York, did you mean "Texas"?`,
		"state=new+york":         `did you mean "New York"?`,
		"state=Bavaria":          `expected one of Texas, Ohio, New York`,
		"sort=nane":              `did you mean "name"?`,
		"sizes=large&sizes=LARG": `sizes[1]: is not one of the allowed values (sent "LARG"), expected one of small, large, did you mean "large"?`,
		"srot=name":              `srot: is not a known parameter, did you mean "sort"?`,
		"SORT=name":              `did you mean "sort"?`,
		"l[0][nane]=1":           `l[0][nane]: is not a known parameter, did you mean "l[0][name]"?`,
		"f=1e999":                `f: is out of range (sent "1e999"), expected a number from 0 on, closer to zero`,
		"g=-1e39":                `g: is out of range (sent "-1e39"), expected a number, closer to zero`,
		"pin=1235":               `pin: is not one of the allowed values, expected one of 1234, 5678`,
		"zzzz=1":                 `zzzz: is not a known parameter`,
	} {
		_, err := s.Parse(raw)
		if err == nil || !strings.HasSuffix(err.Error(), want) || strings.Contains(err.Error(), "e+") {
			t.Errorf("%s: %v, want %s", raw, err, want)
		}
	}
	if _, err := s.Encode(T{State: "Texsa"}); err == nil || !strings.Contains(err.Error(), `did you mean "Texas"?`) {
		t.Errorf("Encode: %v", err)
	}
	if _, err := s.With(T{}, "zzzzzz", 1); err == nil || strings.Contains(err.Error(), "did you mean") {
		t.Errorf("With: %v", err)
	}
	for _, c := range []queryparams.Codec{queryparams.OneOf[usState](), queryparams.OneOf[usState]("a", "a")} {
		if err := schemaError[T](queryparams.SchemaConfig{Codecs: []queryparams.Codec{c}}); err == nil {
			t.Error("a list of no values, or of one twice, is accepted")
		}
	}
}

func TestLimitsOfTheTypeAreShownOnlyForWhatItCannotHold(t *testing.T) {
	t.Parallel()
	type T struct {
		Page  int                  `query:"page" min:"1"`
		Small int8                 `query:"small" max:"9"`
		Items []int                `query:"items" min:"1" style:"sep=,"`
		Opt   queryparams.Opt[int] `query:"opt" min:"1"`
		Ptr   *uint8               `query:"ptr" min:"1"`
		Map   map[string]int16     `query:"map" min:"1"`
		F     float64              `query:"f" min:"0"`
	}
	const most = "9223372036854775807"
	for raw, want := range map[string]string{
		"page=0":                      "a whole number from 1 on",
		"page=-5":                     "a whole number from 1 on",
		"page=%30":                    "a whole number from 1 on",
		"page=99999999999999999999":   "a whole number from 1 to " + most,
		"page=x":                      "a whole number from 1 on",
		"small=10":                    "a whole number up to 9",
		"small=128":                   "a whole number from -128 to 9",
		"small=-129":                  "a whole number from -128 to 9",
		"items=1,0":                   "a whole number from 1 on",
		"items=1,9999999999999999999": "a whole number from 1 to " + most,
		"opt=0":                       "a whole number from 1 on",
		"ptr=0":                       "a whole number from 1 on",
		"ptr=256":                     "a whole number from 1 to 255",
		"ptr=-1":                      "a whole number from 1 to 255",
		"map[a]=0":                    "a whole number from 1 on",
		"map[a]=32768":                "a whole number from 1 to 32767",
		"f=-1":                        "a number from 0 on",
		"f=1e999":                     "a number from 0 on, closer to zero",
	} {
		_, err := parse[T](t, raw)
		errs, ok := errors.AsType[*queryparams.Errors](err)
		if !ok || len(errs.Fields) != 1 || errs.Fields[0].Expected != want {
			t.Errorf("%s: %v, want %q to be expected", raw, err, want)
		}
	}
	for raw, want := range map[string]string{
		"n=0":   "a whole number from 1 on",
		"n=128": "a whole number from 1 to 127",
	} {
		_, err := queryparams.Lookup(raw, "n", queryparams.Param[int8]{Default: 1, Min: new(int8(1))})
		if errs, ok := errors.AsType[*queryparams.Errors](err); !ok || errs.Fields[0].Expected != want {
			t.Errorf("Lookup of %s: %v, want %q to be expected", raw, err, want)
		}
	}
}

func TestNoErrorSpellsOutAStruct(t *testing.T) {
	t.Parallel()
	_, err := queryparams.SchemaOf[struct {
		Page chan int `query:"page"`
		L    [][]struct {
			Secret int `query:"s"`
		} `query:"l"`
	}]()
	if err == nil || strings.Contains(err.Error(), "Secret int") || strings.Contains(err.Error(), `\"`) || !strings.Contains(err.Error(), "struct{...}.Page: chan int has no text form") {
		t.Errorf("error %v", err)
	}
	p, _ := queryparams.ParseParams("")
	if err := p.Set("k", struct{ Password string }{"x"}); err == nil || strings.Contains(err.Error(), "Password") {
		t.Errorf("Set: %v", err)
	}
}
