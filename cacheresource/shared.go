package cacheresource

import "reflect"

// pointee is what a pointer, map or channel refers to, which is released once,
// however many instances have it. The zero pointee is that of all other values,
// which are released once for each open that returned them.
type pointee struct {
	typ  reflect.Type
	addr uintptr
}

// pointee returns that of the instance's value. Who asks keeps the value, so
// that nothing else gets its address.
func (in *instance) pointee() pointee {
	rv := reflect.NewAt(in.core.result, in.value).Elem()
	if rv.Kind() == reflect.Interface {
		rv = rv.Elem()
	}
	switch rv.Kind() {
	case reflect.Pointer:
		if rv.Type().Elem().Size() == 0 {
			return pointee{} // several things of no size may share an address
		}
	case reflect.Map, reflect.Chan:
	default:
		return pointee{}
	}
	return pointee{rv.Type(), rv.Pointer()}
}

// shared is what the instances of one value that have not been released share.
type shared struct {
	instances    int
	dependencies dependencies // of those that have ended: they are needed until the last has
}

// track notes an instance that has been opened.
func (r *core) track(in *instance) {
	p := in.pointee()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[in] = struct{}{}
	if p != (pointee{}) {
		s := r.shared[p]
		if s == nil {
			s = new(shared)
			s.dependencies.of = in
			r.shared[p] = s
		}
		s.instances++
	}
}

// lastOf reports whether in is the last instance of its value, which is to be
// released then; otherwise the others still need it, and what any of them was
// opened with.
func (r *core) lastOf(in *instance) (last bool) {
	p := in.pointee()
	if p == (pointee{}) {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.shared[p]
	if s.instances--; s.instances > 0 {
		s.dependencies.absorb(&in.dependencies)
		return false
	}
	delete(r.shared, p)
	in.dependencies.absorb(&s.dependencies)
	return true
}

// untrack forgets an instance that has been released.
func (r *core) untrack(in *instance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, in)
}
