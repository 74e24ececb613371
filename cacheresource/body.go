package cacheresource

import "reflect"

// body tells apart what must be released apart: what a pointer, map or channel
// refers to. The zero body is that of all other values, which are released once
// for each open that returned them.
type body struct {
	kind reflect.Type
	at   uintptr
}

// body returns the body of the instance's value. Who asks keeps the value, so
// that nothing else gets its address.
func (in *instance) body() body {
	rv := reflect.NewAt(in.core.result, in.value).Elem()
	if rv.Kind() == reflect.Interface {
		rv = rv.Elem()
	}
	switch rv.Kind() {
	case reflect.Pointer:
		if rv.Type().Elem().Size() == 0 {
			return body{} // several things of no size may share an address
		}
	case reflect.Map, reflect.Chan:
	default:
		return body{}
	}
	return body{rv.Type(), rv.Pointer()}
}

// sharers are the instances of one value that have not been released.
type sharers struct {
	count int
	inner inner // of those that have ended: they are needed until the last has
}

// track notes an instance that has been opened.
func (r *core) track(in *instance) {
	b := in.body()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[in] = struct{}{}
	if b != (body{}) {
		s := r.bodies[b]
		if s == nil {
			s = new(sharers)
			s.inner.owner = in
			r.bodies[b] = s
		}
		s.count++
	}
}

// part reports whether in is the last instance of its value, which is to be
// released then; otherwise the others still need it, and what any of them was
// opened with.
func (r *core) part(in *instance) (last bool) {
	b := in.body()
	if b == (body{}) {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.bodies[b]
	if s.count--; s.count > 0 {
		s.inner.absorb(&in.inner)
		return false
	}
	delete(r.bodies, b)
	in.inner.absorb(&s.inner)
	return true
}

// untrack forgets an instance that has been released.
func (r *core) untrack(in *instance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, in)
}
