package sessionstate

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/reecho-go/reecho/store"
)

// marks say in the store that sessions of a user were ended, for those that are
// just being written: a list of the user's sessions may have missed them. Whoever
// ends sessions leaves a mark first and lists then; whoever writes a session under
// a new id looks for marks afterwards. So one of the two sees the other, in
// whichever order the store takes them.
type marks struct {
	store  store.Store
	swap   store.Swapper
	prefix string
}

const (
	// markSize is that of a mark: its name, and the lineage that it spares.
	markSize = revisionSize + lineageSize

	// maxMarks is how many marks of a user are remembered.
	maxMarks = 16

	// userMarkAge is how long the marks of a user are kept: longer than a
	// request takes from its Login to its response.
	userMarkAge = 24 * time.Hour

	// lineageMarkAge is how long the mark of a session is kept: longer than a save
	// takes.
	lineageMarkAge = 10 * time.Minute
)

func (k *marks) key(kind, of string) string {
	return sumKeyIn(k.prefix, sha256.Sum256([]byte(kind+of)))
}

func (k *marks) ofUser(ctx context.Context, user string) (store.Item, error) {
	it, err := k.store.Get(ctx, k.key("user", user))
	if errors.Is(err, store.ErrNotFound) {
		return store.Item{}, nil
	}
	if err == nil && len(it.Value)%markSize != 0 {
		err = errFormat
	}
	return it, err
}

// last names the last mark of a user; empty: there is none.
func (k *marks) last(ctx context.Context, user string) (string, error) {
	it, err := k.ofUser(ctx, user)
	if err != nil || len(it.Value) == 0 {
		return "", err
	}
	return string(it.Value[len(it.Value)-markSize:][:revisionSize]), nil
}

// endUser leaves a mark that all sessions of a user have ended but those of a
// later Login and that of the lineage spared, and returns its name.
func (k *marks) endUser(ctx context.Context, user, spared string) (string, error) {
	mark := make([]byte, markSize)
	rand.Read(mark[:revisionSize]) // never fails
	copy(mark[revisionSize:], spared)
	for range maxTries {
		it, err := k.ofUser(ctx, user)
		if err != nil {
			return "", err
		}
		value := append(it.Value, mark...)
		value = value[max(0, len(value)-maxMarks*markSize):]
		_, err = k.swap.Swap(ctx, k.key("user", user), it.Version, store.Item{Value: value, Expires: time.Now().Add(userMarkAge)})
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
			return string(mark[:revisionSize]), err
		}
	}
	return "", ErrContention
}

// endLineage leaves a mark that the session of a lineage has ended.
func (k *marks) endLineage(ctx context.Context, lineage string) error {
	return k.store.Put(ctx, k.key("life", lineage), store.Item{Expires: time.Now().Add(lineageMarkAge)})
}

// over reports whether there is a mark that ends h, which was just written.
// renewed says that its lineage may be older.
func (k *marks) over(ctx context.Context, h *snapshot, renewed bool) (bool, error) {
	if h.record.user == "" || k.store == nil {
		return false, nil
	}
	lineage := h.lineage()
	it, err := k.ofUser(ctx, h.record.user)
	if err != nil {
		return false, err
	}
	for all := it.Value; len(all) > 0; all = all[:len(all)-markSize] {
		mark := all[len(all)-markSize:]
		if string(mark[:revisionSize]) == h.record.mark {
			break
		}
		if string(mark[revisionSize:]) != lineage {
			return true, nil
		}
	}
	if !renewed {
		return false, nil
	}
	_, err = k.store.Get(ctx, k.key("life", lineage))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
