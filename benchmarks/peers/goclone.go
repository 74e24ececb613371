package peers

import "github.com/huandu/go-clone"

// GoCloneCopy is huandu/go-clone, which expects that there are no cycles.
func GoCloneCopy[V any](v V) (V, error) { return clone.Clone(v).(V), nil }
