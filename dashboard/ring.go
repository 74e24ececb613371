package dashboard

// ring keeps the latest values that were added.
type ring[T any] struct {
	values []T
	oldest int // the index of the oldest value, once the ring is full
}

// add adds v. If there are most values already, it replaces the oldest. most must always be the same.
func (r *ring[T]) add(v T, most int) {
	if len(r.values) < most {
		r.values = append(r.values, v)
		return
	}
	r.values[r.oldest] = v
	r.oldest = (r.oldest + 1) % most
}

// all returns the values, the oldest first.
func (r *ring[T]) all() []T {
	return append(append(make([]T, 0, len(r.values)), r.values[r.oldest:]...), r.values[:r.oldest]...)
}
