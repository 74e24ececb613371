package copiermap

import (
	"reflect"
	"unsafe"

	"github.com/jinzhu/copier"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/internal/clone"
)

// Engine makes copier the copy engine of a cache, in CopyConfig.Engine. DeepCopy
// is always on. Use it for types whose copies depend on copier's converters.
//
// cachedata.New refuses the shapes that copier would share or change instead of
// copying them, each as a *cachedata.CopyError with its place: pointers inside
// interfaces and arrays, references in unexported fields, maps keyed by structs,
// cycles. It also refuses slice and map fields unless opt.IgnoreEmpty is set,
// because copier turns nil ones into empty ones. With IgnoreEmpty, a float of -0
// becomes +0. A result with a pointer into the middle of something that is part of
// it too is a *cachedata.CopyError of the call.
//
// The cache is as safe for concurrent use as opt.Converters are.
func Engine(opt copier.Option) cachedata.CopyEngine {
	opt.DeepCopy = true
	return func(t reflect.Type) (func(dst, src reflect.Value) error, error) {
		plan, err := clone.ForType(t, clone.Config{})
		if err != nil {
			return nil, err
		}
		if plan.Flat() && len(opt.Converters) == 0 {
			return func(dst, src reflect.Value) error {
				dst.Set(src)
				return nil
			}, nil
		}
		if err := judge(plan.Root(), opt); err != nil {
			return nil, err
		}
		return func(dst, src reflect.Value) error {
			if err := plan.Whole(unsafe.Pointer(src.Addr().Pointer())); err != nil {
				return err
			}
			switch src.Kind() {
			case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
				if src.IsNil() {
					return nil
				}
			}
			return run(dst.Addr().Interface(), src.Addr().Interface(), opt)
		}, nil
	}
}
