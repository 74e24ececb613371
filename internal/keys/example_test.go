package keys_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/mitchellh/hashstructure/v2"

	"github.com/reecho-go/reecho/internal/keys"
)

// Equal data has equal bytes, whatever its history.
func Example() {
	type Query struct {
		Words  []string `hash:"set"`
		Limits map[string]int
		Trace  func(string) `hash:"ignore"`
	}
	plan, err := planFor[Query](keys.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	a := Query{Words: []string{"sea", "gull"}, Limits: map[string]int{"rows": 10, "pages": 2}}
	b := Query{Words: []string{"gull", "sea"}, Limits: map[string]int{"pages": 2, "rows": 10}, Trace: func(string) {}}
	c := Query{Words: []string{"seagull"}, Limits: map[string]int{"rows": 10, "pages": 2}}
	keys := map[string]string{}
	for name, q := range map[string]*Query{"a": &a, "b": &b, "c": &c} {
		key, err := plan.Append(nil, q)
		if err != nil {
			fmt.Println(err)
			return
		}
		keys[name] = string(key)
	}
	fmt.Println(plan.Shape(), keys["a"] == keys["b"], keys["a"] == keys["c"])
	// Output: Encoded true false
}

// One 64-bit hash for two different arguments: the reason why a hash is only
// the short name of a key here.
func ExamplePlan_Fingerprint() {
	type Search struct{ Limit *int }
	none, zero := Search{}, Search{Limit: new(0)}

	h1, _ := hashstructure.Hash(none, hashstructure.FormatV2, nil)
	h2, _ := hashstructure.Hash(zero, hashstructure.FormatV2, nil)
	fmt.Println("hashes equal:", h1 == h2)

	plan, err := planFor[Search](keys.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	f1, _ := plan.Fingerprint(none)
	b1, _ := plan.Append(nil, &none)
	b2, _ := plan.Append(nil, &zero)
	fmt.Println("the fingerprint is that hash:", f1 == h1)
	fmt.Println("keys equal:", bytes.Equal(b1, b2))
	// Output:
	// hashes equal: true
	// the fingerprint is that hash: true
	// keys equal: false
}

// A type that cannot identify anything is refused when the plan is compiled.
func ExampleCompile() {
	type Report struct {
		Month string
		Done  chan struct{}
	}
	_, err := planFor[Report](keys.Config{})
	if te, ok := errors.AsType[*keys.TypeError](err); ok {
		fmt.Println(te.Path, te.Type, "-", te.Reason)
	}
	// Output: Report.Done chan struct {} - a chan has no content to compare
}

// HashFuncs give a type another identity: here a time counts by its day.
func ExampleConfig() {
	plan, err := planFor[time.Time](keys.Config{
		HashFuncs: map[reflect.Type]func(any) (any, error){
			reflect.TypeFor[time.Time](): func(v any) (any, error) {
				return v.(time.Time).Format(time.DateOnly), nil
			},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	morning := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	evening := morning.Add(10 * time.Hour)
	a, _ := plan.Append(nil, &morning)
	b, _ := plan.Append(nil, &evening)
	fmt.Println(string(a) == string(b))
	// Output: true
}
