package cachedata

import (
	"errors"
	"math"
	"slices"
	"sort"
	"strings"
	"unsafe"
)

// errNoTag says that a clear names no tag.
var errNoTag = errors.New("the tag is empty: name one, or use Clear for everything")

// checkTags says what is wrong with the tags of a clear.
func checkTags(tags []string) error {
	if len(tags) == 0 || slices.Contains(tags, "") {
		return errNoTag
	}
	return nil
}

// tagged returns tags without those that are empty or stand twice, sorted, and
// in memory of its own: they may be parts of something larger.
func tagged(tags ...[]string) []string {
	own := slices.Concat(tags...)
	if !slices.IsSorted(own) {
		sort.Sort(sort.StringSlice(own)) //nolint:staticcheck // slices.Sort and sort.Strings are 5 KB more of code
	}
	own = slices.Compact(own)
	if len(own) > 0 && own[0] == "" {
		own = own[1:]
	}
	text := strings.Join(own, "")
	for i, tag := range own {
		own[i], text = text[:len(tag)], text[len(tag):]
	}
	return slices.Clip(own)
}

// tagCleared reports whether a tag of x, which may be nil, has been cleared
// since its load began. It looks at the tags only if any has been cleared since
// it did so last. It stays true: clears are forgotten only when all entries have
// been looked at, and what was none of them by then counts as cleared, for those
// who still hold it.
func (c *core) tagCleared(x *annotations) bool {
	if x == nil || len(x.tags) == 0 {
		return false
	}
	tags := c.group.Tags()
	checked := x.checked.Load()
	if checked == beingPut || checked == tags.Now() {
		return checked == beingPut
	}
	cleared, expired, until := tags.Cleared(c.name, x.tags, x.set, checked)
	if !cleared {
		if expired {
			x.expired.CompareAndSwap(0, max(c.group.Now(), 1))
		}
		x.checked.CompareAndSwap(checked, until)
	}
	return cleared
}

// softly returns until when what has x, and a TTL until soft, is fresh. It knows of
// the tags that were looked at.
func (x *annotations) softly(soft int64) int64 {
	if x != nil {
		if at := x.expired.Load(); at != 0 {
			return min(at, soft)
		}
	}
	return soft
}

// beingPut is what stands in annotations.checked of an entry that is being put.
const beingPut = math.MaxUint64

// tags returns those that were said, those of the key, and those of the result
// at v, unless that is nil.
func (p *slot) tags(set []string, v unsafe.Pointer) ([]string, error) {
	fns := &p.core.fns
	if len(set) == 0 && fns.keyTags == nil && fns.tags == nil {
		return nil, nil
	}
	if fns.keyTags == nil && (fns.tags == nil || v == nil) {
		return tagged(set), nil
	}
	key, err := p.core.copyOfKey(p.key())
	if err != nil {
		return nil, err
	}
	var ofKey, ofResult []string
	if fns.keyTags != nil {
		ofKey = fns.keyTags(key)
	}
	if fns.tags != nil && v != nil {
		ofResult = fns.tags(key, v)
	}
	return tagged(set, ofKey, ofResult), nil
}
