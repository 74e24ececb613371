package cachedata

import "context"

// Cache0 remembers the result of a function without arguments. Make it with
// [New0]. It is a [Cache] whose only key is struct{}{}: pass it to the methods
// that Cache0 does not redefine.
type Cache0[V any] struct{ *Cache[struct{}, V] }

// New0 is [New] for a function without arguments.
func New0[V any](name string, load func(ctx context.Context) (V, error), cfg Config, funcs ...Funcs[struct{}, V]) (*Cache0[V], error) {
	var one func(context.Context, struct{}) (V, error)
	if load != nil {
		one = func(ctx context.Context, _ struct{}) (V, error) { return load(ctx) }
	}
	c, err := New(name, one, cfg, funcs...)
	if err != nil {
		return nil, err
	}
	return &Cache0[V]{c}, nil
}

// Get is [Cache.Get].
func (c *Cache0[V]) Get(ctx context.Context) (V, error) { return c.Cache.Get(ctx, struct{}{}) }

// Refresh is [Cache.Refresh].
func (c *Cache0[V]) Refresh(ctx context.Context) (V, error) { return c.Cache.Refresh(ctx, struct{}{}) }

// Delete is [Cache.Delete].
func (c *Cache0[V]) Delete(ctx context.Context) error { return c.Cache.Delete(ctx, struct{}{}) }

// Args2 is the key of a function of two arguments; see [New2].
type Args2[A, B any] struct {
	A A
	B B
}

// Cache2 remembers the results of a function of two arguments. Make it with
// [New2]. It is a [Cache] whose keys are [Args2]: pass one to the methods that
// Cache2 does not redefine.
type Cache2[A, B, V any] struct{ *Cache[Args2[A, B], V] }

// New2 is [New] for a function of two arguments. For more arguments, use New with
// a struct as the key.
func New2[A, B, V any](name string, load func(context.Context, A, B) (V, error), cfg Config, funcs ...Funcs[Args2[A, B], V]) (*Cache2[A, B, V], error) {
	var one func(context.Context, Args2[A, B]) (V, error)
	if load != nil {
		one = func(ctx context.Context, key Args2[A, B]) (V, error) { return load(ctx, key.A, key.B) }
	}
	c, err := New(name, one, cfg, funcs...)
	if err != nil {
		return nil, err
	}
	return &Cache2[A, B, V]{c}, nil
}

// Get is [Cache.Get].
func (c *Cache2[A, B, V]) Get(ctx context.Context, a A, b B) (V, error) {
	return c.Cache.Get(ctx, Args2[A, B]{a, b})
}

// Refresh is [Cache.Refresh].
func (c *Cache2[A, B, V]) Refresh(ctx context.Context, a A, b B) (V, error) {
	return c.Cache.Refresh(ctx, Args2[A, B]{a, b})
}

// Delete is [Cache.Delete].
func (c *Cache2[A, B, V]) Delete(ctx context.Context, a A, b B) error {
	return c.Cache.Delete(ctx, Args2[A, B]{a, b})
}

// Pure turns f into a load function. Use it for a function that needs no context
// and cannot fail:
//
//	var slugs = cachedata.Must(cachedata.New("slugs", cachedata.Pure(slug), cachedata.Config{}))
func Pure[K, V any](f func(K) V) func(context.Context, K) (V, error) {
	return func(_ context.Context, key K) (V, error) { return f(key), nil }
}

// Found turns f into a load function. Use it for a function that reports in a
// bool whether there is a result: if it reports false and no error, the load
// fails with [ErrNotFound].
func Found[K, V any](f func(context.Context, K) (V, bool, error)) func(context.Context, K) (V, error) {
	return func(ctx context.Context, key K) (V, error) {
		v, ok, err := f(ctx, key)
		if err == nil && !ok {
			err = ErrNotFound
		}
		return v, err
	}
}
