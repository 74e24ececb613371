package peers

import "github.com/jinzhu/copier"

// CopierCopy is jinzhu/copier with DeepCopy.
func CopierCopy[V any](v V) (V, error) {
	var own V
	err := copier.CopyWithOption(&own, &v, copier.Option{DeepCopy: true})
	return own, err
}
