package peers

import (
	"net/url"

	"github.com/go-playground/form/v4"
)

// PlaygroundFormDecode is go-playground/form over url.ParseQuery.
func PlaygroundFormDecode() Decode {
	d := form.NewDecoder()
	return overValues(func(s *Search, values url.Values) error { return d.Decode(s, values) })
}

// PlaygroundFormEncode is go-playground/form and url.Values.Encode.
func PlaygroundFormEncode() Encode {
	e := form.NewEncoder()
	return func(s Search) (string, error) {
		values, err := e.Encode(s)
		return values.Encode(), err
	}
}
