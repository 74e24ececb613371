package tier

import (
	"context"
	"errors"
	"fmt"

	"github.com/reecho-go/reecho/store"
)

// read gets the item of a key, or the zero Item if there is none.
func (t *Tier) read(ctx context.Context, key string) (store.Item, error) {
	for {
		it, err := t.store.Get(ctx, key)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return store.Item{}, nil
		case err == nil:
			return it, nil
		}
		if err = t.dropForeign(ctx, err); err != nil {
			return store.Item{}, err
		}
	}
}

// readMany returns the items of those keys that are present.
func (t *Tier) readMany(ctx context.Context, keys []string) (map[string]store.Item, error) {
	if t.batch == nil {
		items := make(map[string]store.Item, len(keys))
		for _, key := range keys {
			it, err := t.read(ctx, key)
			if err != nil {
				return nil, err
			}
			if it.Version != 0 {
				items[key] = it
			}
		}
		return items, nil
	}
	for {
		items, err := t.batch.GetMany(ctx, keys)
		if err == nil {
			return items, nil
		}
		if err = t.dropForeign(ctx, err); err != nil {
			return nil, err
		}
	}
}

// dropForeign deletes the value that err, a store.ErrForeign, is about: another program has
// written it, and the store can neither read it nor replace it by compare-and-swap. Other
// errors are returned unchanged.
func (t *Tier) dropForeign(ctx context.Context, err error) error {
	fault, ok := errors.AsType[*store.Error](err)
	if !ok || !errors.Is(err, store.ErrForeign) {
		return err
	}
	t.report(ctx, ofRecords, "get", fmt.Errorf("the result stored under %s is deleted: %w", fault.Key, err))
	return t.store.Delete(ctx, fault.Key)
}
