package gorillastate

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"reflect"

	"github.com/reecho-go/reecho/sessionstate/internal/foreign"
)

// recordKey is the one entry of Values that is not the app's: the record of the
// session, as bytes.
const recordKey = "_ss"

// values are the Values of a session.
type values map[any]any

var _ foreign.Values = values(nil)

// Encode implements foreign.Values: it is the gob of all values but the record;
// empty if there are none.
func (v values) Encode() (string, error) {
	app := make(map[any]any, len(v))
	for key, value := range v {
		if key != recordKey {
			app[key] = value
		}
	}
	if len(app) == 0 {
		return "", nil
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(app); err != nil {
		return "", fmt.Errorf("gorillastate: the values of a session: %w", err)
	}
	return b.String(), nil
}

// Equal implements foreign.Values. The gob of a map has no fixed order, so it
// compares what was decoded.
func (v values) Equal(encoded string) bool {
	if _, has := v[recordKey]; has {
		return false
	}
	before, err := decode(encoded)
	return err == nil && reflect.DeepEqual(before, map[any]any(v))
}

var errValues = errors.New("gorillastate: the values of a session cannot be decoded")

// decode decodes what Encode has made.
func decode(encoded string) (map[any]any, error) {
	v := make(map[any]any)
	if encoded == "" {
		return v, nil
	}
	if err := gob.NewDecoder(bytes.NewReader([]byte(encoded))).Decode(&v); err != nil {
		return nil, fmt.Errorf("%w: %w", errValues, err)
	}
	return v, nil
}
