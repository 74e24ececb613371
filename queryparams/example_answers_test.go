package queryparams_test

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/reecho-go/reecho/queryparams"
)

// What a query means. Libraries for Go disagree on every line of this table, and
// none of nine that were measured has all of these answers.
func ExampleSchema_Parse_answers() {
	type T struct {
		Page int            `query:"page" default:"5"`
		I8   int8           `query:"i8"`
		On   bool           `query:"on"`
		Tags []string       `query:"tags"`
		IDs  []int          `query:"ids" style:"form,explode=false"`
		Name string         `query:"name"`
		F    float64        `query:"f"`
		D    time.Duration  `query:"d"`
		T    time.Time      `query:"t"`
		IP   netip.Addr     `query:"ip"`
		P    *int           `query:"p"`
		M    map[string]int `query:"m"`
	}
	s := queryparams.Must(queryparams.SchemaOf[T]())
	for _, raw := range []string{
		"page=", "page=0", "page=1&page=2", "page=+1", "page=01", "page=%2B1", "i8=128", "PAGE=3",
		"on", "on=yes", "on=2",
		"tags=", "tags=a,b", "tags=a&tags=b", "tags=a%2Cb", "tags[]=a&tags[]=b", "ids=1,2", "ids=1&ids=", "ids=",
		"name=%zz", "name=a;b=c", "name=%00", "name=%ff", "f=NaN", "d=5s", "d=5",
		"t=2024-01-02", "t=2024-01-02T03:04:05+02:00", "t=1700000000", "ip=zz", "p=", "p=x",
		"page=x&ids=y&f=z", "m[a]=1", "m[a",
	} {
		v, err := s.Parse(raw)
		answer := ""
		if errs, ok := errors.AsType[*queryparams.Errors](err); ok {
			for _, f := range errs.Fields {
				answer += fmt.Sprintf(" %s: %s", f.Path, f.Code)
			}
		} else {
			changed, _ := s.Diff(T{Page: 5}, v)
			for _, c := range changed {
				answer += fmt.Sprintf(" %s=%q", c.Parameter, c.To)
			}
		}
		if answer == "" {
			answer = " as if it were not there"
		}
		fmt.Printf("%-27s%s\n", raw, answer)
	}
	// Output:
	// page=                       as if it were not there
	// page=0                      page=["0"]
	// page=1&page=2               page: duplicate
	// page=+1                     page: type
	// page=01                     page=["1"]
	// page=%2B1                   page=["1"]
	// i8=128                      i8: out_of_range
	// PAGE=3                      as if it were not there
	// on                          on=["true"]
	// on=yes                      on=["true"]
	// on=2                        on: type
	// tags=                       tags=[]
	// tags=a,b                    tags=["a,b"]
	// tags=a&tags=b               tags=["a" "b"]
	// tags=a%2Cb                  tags=["a,b"]
	// tags[]=a&tags[]=b           tags=["a" "b"]
	// ids=1,2                     ids=["1" "2"]
	// ids=1&ids=                  ids[1]: type
	// ids=                        ids=[]
	// name=%zz                    name: bad_encoding
	// name=a;b=c                  name=["a;b=c"]
	// name=%00                    name: control_char
	// name=%ff                    name: bad_utf8
	// f=NaN                       f: type
	// d=5s                        d=["5s"]
	// d=5                         d: type
	// t=2024-01-02                t=["2024-01-02T00:00:00Z"]
	// t=2024-01-02T03:04:05+02:00 t=["2024-01-02T03:04:05+02:00"]
	// t=1700000000                t: type
	// ip=zz                       ip: type
	// p=                          as if it were not there
	// p=x                         p: type
	// page=x&ids=y&f=z            page: type ids[0]: type f: type
	// m[a]=1                      m[a]=["1"]
	// m[a                         as if it were not there
}
