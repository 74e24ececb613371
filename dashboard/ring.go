package dashboard

// ring keeps the latest of what is added to it.
type ring[T any] struct {
	kept []T
	next int // where the oldest is, once it is full
}

// add drops the oldest one if there are most already; most is always the same.
func (r *ring[T]) add(v T, most int) {
	if len(r.kept) < most {
		r.kept = append(r.kept, v)
		return
	}
	r.kept[r.next] = v
	r.next = (r.next + 1) % most
}

// all returns what is kept, the oldest first.
func (r *ring[T]) all() []T {
	return append(append(make([]T, 0, len(r.kept)), r.kept[r.next:]...), r.kept[:r.next]...)
}
