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

// tagged returns tags sorted, without empty and duplicate ones. Their texts are
// copied, because a tag may be a part of a larger text.
func tagged(tags ...[]string) []string {
	own := slices.Concat(tags...)
	if !slices.IsSorted(own) {
		sort.Sort(sort.StringSlice(own)) //lint:ignore S1032 slices.Sort and sort.Strings are 5 KB more of code
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

// tagCleared reports whether a tag of x, which may be nil, has been cleared since
// the load of x began. It looks at the tags only if any tag was cleared since the
// last look. Once true, it stays true: a clear is forgotten only after all stored
// entries were checked, and annotations that were not checked by then, such as those
// of an entry that was replaced, count as cleared.
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

// softly returns until when an entry with the annotations x and a TTL until soft is
// fresh: shorter if a look at the tags has noticed an ExpireTag.
func (x *annotations) softly(soft int64) int64 {
	if x != nil {
		if at := x.expired.Load(); at != 0 {
			return min(at, soft)
		}
	}
	return soft
}

// beingPut is the value of annotations.checked while the entry is being put.
const beingPut = math.MaxUint64

// tags returns the tags in set, those of the key by KeyTags and, unless v is nil,
// those of the result at v by Tags.
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
