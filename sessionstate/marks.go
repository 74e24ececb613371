package sessionstate

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/reecho-go/reecho/store"
)

// marks record in the store that sessions of a user were ended. A session that is just being
// written may be missing in a list of the user's sessions. So a call that ends sessions
// leaves a mark before it lists them, and a request that writes a session under a new id
// looks for marks afterwards. One of the two always sees the other.
type marks struct {
	store  store.Store
	swap   store.Swapper
	prefix string
}

const (
	// markSize is the size of a mark: its name, and the lineage that it spares.
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

// last returns the name of the last mark of a user, or "" if there is none.
func (k *marks) last(ctx context.Context, user string) (string, error) {
	it, err := k.ofUser(ctx, user)
	if err != nil || len(it.Value) == 0 {
		return "", err
	}
	return string(it.Value[len(it.Value)-markSize:][:revisionSize]), nil
}

// endUser leaves a mark that ends all sessions of a user, except those of a later Login and
// that of the lineage spared. It returns the name of the mark.
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

// endLineage leaves a mark that ends the session of a lineage, if it is the user's.
func (k *marks) endLineage(ctx context.Context, user, lineage string) error {
	return k.store.Put(ctx, k.key("life", lineage+user), store.Item{Expires: time.Now().Add(lineageMarkAge)})
}

// hasEnded reports whether a mark ends h, which was just written. renewed says that h continues an
// older session, so that a mark of its lineage counts too.
func (k *marks) hasEnded(ctx context.Context, h *snapshot, renewed bool) (bool, error) {
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
	_, err = k.store.Get(ctx, k.key("life", lineage+h.record.user))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
