package cacheresource

import "reflect"

// body tells apart what must be released apart: what a pointer, map or channel
// refers to. The zero body is that of all other values, which are released once
// for each open that returned them.
type body struct {
	kind reflect.Type
	at   uintptr
}

// bodyOf returns the body of v. Who asks keeps v, so that nothing else gets its
// address.
func bodyOf[V any](v V) body {
	rv := reflect.ValueOf(&v).Elem()
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

// track notes an instance that has been opened.
func (r *Resource[K, V]) track(in *instance[K, V]) {
	b := bodyOf(in.value)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[in] = struct{}{}
	if b != (body{}) {
		r.bodies[b]++
	}
}

// part reports whether in is the last instance of its value, which is to be
// released then; otherwise the others still need it.
func (r *Resource[K, V]) part(in *instance[K, V]) (last bool) {
	b := bodyOf(in.value)
	if b == (body{}) {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bodies[b]--; r.bodies[b] > 0 {
		return false
	}
	delete(r.bodies, b)
	return true
}

// untrack forgets an instance that has been released.
func (r *Resource[K, V]) untrack(in *instance[K, V]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, in)
}
