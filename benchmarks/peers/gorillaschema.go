package peers

import (
	"net/url"

	"github.com/gorilla/schema"
)

// GorillaSchemaDecode is gorilla/schema over url.ParseQuery.
func GorillaSchemaDecode() Decode {
	d := schema.NewDecoder()
	return overValues(func(s *Search, values url.Values) error { return d.Decode(s, values) })
}

// GorillaSchemaEncode is gorilla/schema and url.Values.Encode.
func GorillaSchemaEncode() Encode {
	e := schema.NewEncoder()
	return func(s Search) (string, error) {
		values := url.Values{}
		err := e.Encode(s, values)
		return values.Encode(), err
	}
}
