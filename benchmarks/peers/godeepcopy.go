package peers

import "github.com/tiendc/go-deepcopy"

// GoDeepcopyCopy is tiendc/go-deepcopy.
func GoDeepcopyCopy[V any](v V) (V, error) {
	var own V
	err := deepcopy.Copy(&own, v)
	return own, err
}
