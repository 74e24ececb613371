package queryparams_test

import (
	"errors"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reecho-go/reecho/queryparams"
)

type Filter struct {
	Page  int                        `query:"page"  default:"1"  min:"1" max:"10000"`
	Size  int                        `query:"size"  default:"20" enum:"10|20|50"`
	Q     string                     `query:"q"     maxlen:"200"`
	Tags  []string                   `query:"tags"  maxitems:"10"`
	IDs   []int64                    `query:"ids"   style:"form,explode=false"`
	Sort  string                     `query:"sort"  default:"name" enum:"name|price" invalid:"default"`
	From  queryparams.Opt[time.Time] `query:"from" layout:"date"`
	Price *Range                     `query:"price" style:"deepObject"`
}

type Range struct {
	Min float64 `query:"min" min:"0"`
	Max float64 `query:"max"`
}

var filters = queryparams.Must(queryparams.NewSchema[Filter](queryparams.SchemaConfig{}))

// faults are the path and code of each fault of err.
func faults(t *testing.T, err error) [][2]string {
	t.Helper()
	if err == nil {
		return nil
	}
	errs, ok := errors.AsType[*queryparams.Errors](err)
	if !ok {
		t.Fatalf("error %v is a %T, want *Errors", err, err)
	}
	var got [][2]string
	for _, f := range errs.Fields {
		got = append(got, [2]string{f.Path, string(f.Code)})
	}
	return got
}

// parse reads raw into the one field of a schema.
func parse[T any](t *testing.T, raw string) (T, error) {
	t.Helper()
	s, err := queryparams.TypeOf(reflect.TypeFor[T]())
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Parse(raw)
	return *v.Interface().(*T), err
}

func TestParse(t *testing.T) {
	t.Parallel()
	day := time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC)
	base := Filter{Page: 1, Size: 20, Sort: "name"}
	with := func(edit func(*Filter)) Filter { f := base; edit(&f); return f }
	tests := []struct {
		raw  string
		want Filter
		errs [][2]string
	}{
		{raw: "", want: base},
		{raw: "&&&", want: base},
		{raw: "page=7&size=50", want: with(func(f *Filter) { f.Page, f.Size = 7, 50 })},
		{raw: "pa%67e=7", want: with(func(f *Filter) { f.Page = 7 })},
		{raw: "q=hello+world%21", want: with(func(f *Filter) { f.Q = "hello world!" })},
		{raw: "q=a=b;c", want: with(func(f *Filter) { f.Q = "a=b;c" })},
		{raw: "tags=a&tags=b", want: with(func(f *Filter) { f.Tags = []string{"a", "b"} })},
		{raw: "tags[]=a&tags%5B%5D=b", want: with(func(f *Filter) { f.Tags = []string{"a", "b"} })},
		{raw: "tags=", want: with(func(f *Filter) { f.Tags = []string{} })},
		{raw: "tags[]=", want: with(func(f *Filter) { f.Tags = []string{""} })},
		{raw: "ids=1,2,3", want: with(func(f *Filter) { f.IDs = []int64{1, 2, 3} })},
		{raw: "sort=bogus", want: base},
		{raw: "from=", want: with(func(f *Filter) { f.From = queryparams.Cleared[time.Time]() })},
		{raw: "from=2024-01-02", want: with(func(f *Filter) { f.From = queryparams.Some(day) })},
		{raw: "price[min]=1.5&price%5Bmax%5D=2", want: with(func(f *Filter) { f.Price = &Range{1.5, 2} })},
		{raw: "price=", want: with(func(f *Filter) { f.Price = &Range{} })},
		{raw: "page=x&size=3&ids=1,y&price[min]=-1&from=tomorrow", errs: [][2]string{
			{"page", "type"}, {"size", "enum"}, {"ids[1]", "type"}, {"from", "type"}, {"price[min]", "out_of_range"},
		}},
		{raw: "page=1&page=2", errs: [][2]string{{"page", "duplicate"}}},
		{raw: "pa%67e=1&page=2", errs: [][2]string{{"page", "duplicate"}}},
		{raw: "q=%zz", errs: [][2]string{{"q", "bad_encoding"}}},
		{raw: "q=%00", errs: [][2]string{{"q", "control_char"}}},
		{raw: "q=%ff", errs: [][2]string{{"q", "bad_utf8"}}},
		{raw: "page=99999999999999999999", errs: [][2]string{{"page", "out_of_range"}}},
	}
	for _, tt := range tests {
		t.Run(tt.raw, func(t *testing.T) {
			t.Parallel()
			got, err := filters.Parse(tt.raw)
			if d := cmp.Diff(tt.errs, faults(t, err)); d != "" {
				t.Errorf("faults (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.want, got, cmp.AllowUnexported(queryparams.Opt[time.Time]{})); d != "" {
				t.Errorf("value (-want +got):\n%s", d)
			}
			if err != nil {
				return
			}
			raw, err := filters.Encode(got)
			if err != nil {
				t.Fatalf("Encode: %v", err)
			}
			back, err := filters.Parse(raw)
			if d := cmp.Diff(got, back, cmp.AllowUnexported(queryparams.Opt[time.Time]{})); d != "" || err != nil {
				t.Errorf("Parse(Encode(v)) by %q (-v +back), error %v:\n%s", raw, err, d)
			}
		})
	}
}

func TestTypesWithTextMethods(t *testing.T) {
	t.Parallel()
	type T struct {
		IP netip.Addr `query:"ip"`
	}
	got, err := parse[T](t, "ip=2001:db8::1")
	if err != nil || got.IP != netip.MustParseAddr("2001:db8::1") {
		t.Errorf("Parse = %v, %v", got, err)
	}
	if _, err := parse[T](t, "ip=zz"); !cmp.Equal(faults(t, err), [][2]string{{"ip", "type"}}) {
		t.Errorf("error = %v, want a fault of ip", err)
	}
}
