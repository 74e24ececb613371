package copiermap_test

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/jinzhu/copier"

	"github.com/reecho-go/reecho/cachedata/copiermap"
)

type (
	person  struct{ Name, Mail string }
	named   struct{ Name string }
	aliased struct {
		Label string `copier:"Name"`
	}
	shouting struct{ NAME string }
	other    struct{ Size int }
	hidden   struct{ name string }
	setter   struct{ got string }
	loop     *loop
	linked   struct{ Next *linked }
	tree     struct{ Kids []tree }
)

func (p person) Title() string     { return "Dr " + p.Name }
func (s *setter) Mail(mail string) { s.got = mail }
func (h hidden) unused() string    { return h.name }

func TestIntoFailsWhereNothingHasACounterpart(t *testing.T) {
	t.Parallel()
	ann := person{"Ann", "ann@example.com"}
	for name, test := range map[string]struct {
		dst, src any
		opt      copier.Option
		fails    bool
	}{
		"the same":                    {dst: new(person), src: ann},
		"a field":                     {dst: new(named), src: ann},
		"a pointer":                   {dst: new(named), src: &ann},
		"a tag":                       {dst: new(aliased), src: ann},
		"another case":                {dst: new(shouting), src: ann},
		"a method of the source":      {dst: new(struct{ Title string }), src: ann},
		"a method of the destination": {dst: new(setter), src: ann},
		"an embedded struct":          {dst: new(named), src: struct{ person }{ann}},
		"slices":                      {dst: new([]named), src: []person{ann}},
		"a slice of one":              {dst: new([]named), src: ann},
		"maps":                        {dst: new(map[string]int), src: map[string]int{"a": 1}},
		"numbers":                     {dst: new(int64), src: 7},
		"a time":                      {dst: new(time.Time), src: time.Unix(1, 0)},
		"a scanner":                   {dst: new(sql.NullString), src: "x"},
		"a converter": {dst: new(string), src: ann, opt: copier.Option{Converters: []copier.TypeConverter{{
			SrcType: person{}, DstType: "", Fn: func(v any) (any, error) { return v.(person).Name, nil },
		}}}},
		"a mapping": {dst: new(struct{ Who string }), src: ann, opt: copier.Option{FieldNameMapping: []copier.FieldNameMapping{{
			SrcType: person{}, DstType: struct{ Who string }{}, Mapping: map[string]string{"Name": "Who"},
		}}}},

		"a list of structs to itself": {dst: new(struct{ Next *linked }), src: &linked{Next: new(linked)}},
		"a tree":                      {dst: new(struct{ Kids []tree }), src: tree{Kids: []tree{{}}}},
		"one of two fields":           {dst: new(struct{ Name, Mail any }), src: ann},
		"a field of another type":     {dst: new(struct{ Name []int }), src: ann, fails: true},
		"fields of other types": {dst: new(struct {
			Name int
			Mail map[string]string
		}), src: ann, fails: true},
		"a list for a text":      {dst: new(struct{ Tags string }), src: struct{ Tags []string }{[]string{"a"}}, fails: true},
		"a part of another type": {dst: new(struct{ Who struct{ Name int } }), src: struct{ Who person }{ann}, fails: true},

		"a pointer to a pointer":      {dst: new(*named), src: ann, fails: true},
		"nil":                         {dst: nil, src: ann, fails: true},
		"a nil pointer":               {dst: (*person)(nil), src: ann, fails: true},
		"no pointer":                  {dst: person{}, src: ann, fails: true},
		"other fields":                {dst: new(other), src: ann, fails: true},
		"private fields":              {dst: new(hidden), src: ann, fails: true},
		"an empty struct":             {dst: new(struct{}), src: ann, fails: true},
		"a number for a struct":       {dst: new(int), src: ann, fails: true},
		"a string for a struct":       {dst: new(string), src: ann, fails: true},
		"a struct for a number":       {dst: new(person), src: 7, fails: true},
		"a time for a struct":         {dst: new(time.Time), src: ann, fails: true},
		"a map for a struct":          {dst: new(map[string]any), src: ann, fails: true},
		"a struct for a map":          {dst: new(person), src: map[string]string{"Name": "Ann"}, fails: true},
		"a struct for a slice":        {dst: new(person), src: []person{ann}, fails: true},
		"slices of others":            {dst: new([]other), src: []person{ann}, fails: true},
		"an array":                    {dst: new([2]person), src: []person{ann}, fails: true},
		"a channel":                   {dst: new(chan person), src: ann, fails: true},
		"a function":                  {dst: new(func()), src: ann, fails: true},
		"another case, but it counts": {dst: new(shouting), src: named{"Ann"}, opt: copier.Option{CaseSensitive: true}, fails: true},
		"a pointer to itself":         {dst: new(loop), src: ann, fails: true},
	} {
		err := copiermap.Into(test.dst, test.src, test.opt)
		if (err != nil) != test.fails {
			t.Errorf("%s: Into() = %v, want an error: %v", name, err, test.fails)
		}
		if err != nil && !strings.Contains(err.Error(), "destination") {
			t.Errorf("%s: Into() = %v, want it to speak of the destination", name, err)
		}
	}

	_ = hidden{}.unused()
}
