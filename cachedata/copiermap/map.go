package copiermap

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/jinzhu/copier"
)

// Getter is what [Get] reads: a *cachedata.Cache or *cachedata.Batch, or anything
// else that has its method Get.
type Getter[K, V any] interface {
	Get(ctx context.Context, key K) (V, error)
}

// Get returns the result that from has for key, mapped into a D; see [Into]. Only
// D has to be named. The errors are those of from.Get and of Into.
func Get[D, K, V any](ctx context.Context, from Getter[K, V], key K, opt copier.Option) (D, error) {
	var none, dst D
	v, err := from.Get(ctx, key)
	if err != nil {
		return none, err
	}
	if err := Into(&dst, v, opt); err != nil {
		return none, err
	}
	return dst, nil
}

// Into maps src into *dst by field name, with copier's tags and the converters and
// field-name mappings of opt. Give it a value of your own, such as a result of
// Cache.Get: without opt.DeepCopy, parts of src become parts of *dst.
//
// dst must be a pointer that is not nil, to a type in which something of src has a
// counterpart; anything else is an error. So is a number that does not fit, a
// [*LossError]; *dst is of no use then. A panic of copier or of a converter
// becomes an error. copier follows references without an end, so a value that is
// cyclic, or larger than a million references as a tree, is refused, and so are
// types that embed themselves or consist of pointers and slices alone.
func Into(dst, src any, opt copier.Option) error {
	to := reflect.ValueOf(dst)
	if to.Kind() != reflect.Pointer || to.IsNil() {
		return fmt.Errorf("copiermap: Into: destination is %T: use a pointer that is not nil", dst)
	}
	from := reflect.ValueOf(src)
	if !from.IsValid() {
		return errors.New("copiermap: Into: source is a nil interface: nothing can be mapped")
	}
	if bad := endless(to.Type()); bad != nil {
		return fmt.Errorf("copiermap: Into: destination %T: %w", dst, &endlessError{bad})
	}
	if err := boundTree(from); err != nil {
		return err
	}
	if t := from.Type(); !counterpart(to.Type().Elem(), t, opt) {
		return fmt.Errorf("copiermap: Into: nothing of a %v has a counterpart in the destination %T: give it fields of the same names or types, copier tags, a converter or a field name mapping", t, dst)
	}
	if err := run(dst, src, opt); err != nil {
		return err
	}
	return lost(to.Elem(), from, opt)
}

// run calls copier.
func run(dst, src any, opt copier.Option) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("copiermap: copier panicked from %T to %T: %v", src, dst, r)
		}
	}()
	if err := copier.CopyWithOption(dst, src, opt); err != nil {
		return fmt.Errorf("copiermap: copier from %T to %T: %w", src, dst, err)
	}
	return nil
}
