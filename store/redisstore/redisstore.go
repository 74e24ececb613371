// Package redisstore keeps bytes in Redis, behind the contract of package
// store, for apps that run in several processes. It is tested with Redis 7; it
// uses nothing that Valkey lacks, but Valkey is not tested.
//
// # Keys
//
// The store's keys begin with its namespace in braces, which is also a hash tag:
// in a cluster all keys of a store are in one slot, so that its scripts work.
// Two apps on one server need different namespaces. A value is a Redis string:
// its version, its deadline and its length in digits, then the bytes. The key
// "{namespace}:version" holds the last version.
//
// Reading a value that other software has written under such a key, or one that was
// truncated, fails with [store.ErrForeign]; other manual changes of a value are not
// noticed. A write replaces such a value. A value has at most 64 MiB; of a larger
// one that other software has written, no more than that is read. Two apps with the
// same namespace share one store.
//
// # Time and versions
//
// The server's clock decides what has expired. The server numbers the writes:
// a version is the server's time in microseconds, or one more than the last if
// that is greater. So versions go on also when the server has lost its data.
// A server whose data is lost and whose clock is set back at the same time can
// repeat a version.
//
// # Changes by other processes
//
// A Store is a [store.Watcher]: the server tells it what other clients change, by
// CLIENT TRACKING with BCAST on one more connection of the client's, which is
// opened by the first Watch. It works over RESP3, which is rueidis's default. A
// PING on the connection each second finds a server that is paused, or has gone
// without closing the connection, within two seconds. Each write also sets and
// deletes a marker key beside the value. The message of the server names it too,
// and so the store recognizes its own changes.
//
// # Faults
//
// When a reply is lost or a context ends, a write may have happened or not. A
// server that is full and evicts nothing (maxmemory-policy noeviction) answers
// [store.ErrFull]. For sessions use that policy: every other one forgets
// sessions when memory is short. A server that does not answer holds a call
// until its context ends, so give calls a deadline.
//
// # Cost
//
// Every call is one round trip, and so is GetMany. Watch
// makes none. A Scan reads all keys of the server, in steps, and then the values.
package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/reecho-go/reecho/store"
)

// DefaultNamespace is the namespace of a store whose Config has none.
const DefaultNamespace = "reecho"

// maxNamespace is the length of the longest namespace, in bytes.
const maxNamespace = 100

// allowed are the characters of a namespace.
const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/"

// The longest key and value. Redis itself takes up to 512 MB, but it serves
// nobody else while it copies so much.
const (
	maxKey   = 1 << 20
	maxValue = 64 << 20
)

// Config is the setting of a Store. The zero value is useful.
type Config struct {
	// Namespace keeps the keys of this store apart from those of other apps on
	// the server. Up to 100 letters, digits and "-_.:/". Default "": "reecho".
	Namespace string
}

// Store is a [store.Store] in Redis. All methods are safe for concurrent use.
// Make one with [New]. It does not close the client.
type Store struct {
	client  rueidis.Client
	keys    string // the prefix of the keys of values
	marks   string // the prefix of the marker keys
	writer  string // the id of this store in marker keys
	counter string
	hearing hearing
}

var (
	_ store.Store   = (*Store)(nil)
	_ store.Swapper = (*Store)(nil)
	_ store.Toucher = (*Store)(nil)
	_ store.Scanner = (*Store)(nil)
	_ store.Batcher = (*Store)(nil)
	_ store.Watcher = (*Store)(nil)
)

// New makes a store on the client, which stays the caller's to configure and to
// close. It does not contact the server, so that an app starts without one.
func New(client rueidis.Client, cfg Config) (*Store, error) {
	var errs []error
	if client == nil {
		errs = append(errs, errors.New("redisstore: the client is nil: make one with rueidis.NewClient"))
	}
	if cfg.Namespace == "" {
		cfg.Namespace = DefaultNamespace
	}
	if strings.Trim(cfg.Namespace, allowed) != "" {
		errs = append(errs, fmt.Errorf("redisstore: Config.Namespace is %.100q: use letters, digits and -_.:/ only", cfg.Namespace))
	}
	if len(cfg.Namespace) > maxNamespace {
		errs = append(errs, fmt.Errorf("redisstore: Config.Namespace has %d bytes: use at most %d", len(cfg.Namespace), maxNamespace))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	tag := "{" + cfg.Namespace + "}:"
	return &Store{client: client, keys: tag + "k:", marks: tag + "kw:", writer: rand.Text() + ":", counter: tag + "version"}, nil
}

// Must returns v, and panics if there is an error. It is for package variables
// and main functions.
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, key string) (store.Item, error) {
	if err := ready(ctx, key, nil); err != nil {
		return store.Item{}, answerOf("get", key, err)
	}
	it, err := decode(s.client.Do(ctx, s.reading(key)).AsBytes())
	return it, answerOf("get", key, err)
}

// reading is the command that reads a value, or the start of one that is larger
// than this store writes. The result is empty if the value is absent. The client must not reuse its
// memory: after a retry on another connection, the first one may still use it.
func (s *Store) reading(key string) rueidis.Completed {
	return s.client.B().Getrange().Key(s.keys + key).Start(0).End(headerSize + maxValue).Build().Pin()
}

// Put implements [store.Store].
func (s *Store) Put(ctx context.Context, key string, it store.Item) error {
	err := ready(ctx, key, it.Value)
	if err == nil {
		_, err = s.run(ctx, putScript, key, milli(it.Expires), rueidis.BinaryString(it.Value))
	}
	return answerOf("put", key, err)
}

// Swap implements [store.Swapper].
func (s *Store) Swap(ctx context.Context, key string, old uint64, it store.Item) (uint64, error) {
	if err := ready(ctx, key, it.Value); err != nil {
		return 0, answerOf("swap", key, err)
	}
	n, err := s.run(ctx, swapScript, key, strconv.FormatUint(old, 10), milli(it.Expires), rueidis.BinaryString(it.Value))
	if err != nil {
		return 0, answerOf("swap", key, err)
	}
	return uint64(n), nil
}

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, key string) error {
	err := ready(ctx, key, nil)
	if errors.Is(err, store.ErrTooLarge) {
		return nil // it is absent
	}
	if err == nil {
		_, err = s.run(ctx, deleteScript, key)
	}
	return answerOf("delete", key, err)
}

// Touch implements [store.Toucher].
func (s *Store) Touch(ctx context.Context, key string, expires time.Time) error {
	err := ready(ctx, key, nil)
	if errors.Is(err, store.ErrTooLarge) {
		return store.ErrNotFound
	}
	if err == nil {
		_, err = s.run(ctx, touchScript, key, milli(expires))
	}
	return answerOf("touch", key, err)
}

// step is how many keys a Scan handles at a time.
const step = 256

// Scan implements [store.Scanner]. It first collects the matching keys, from
// every server of a cluster.
func (s *Store) Scan(ctx context.Context, prefix string) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		fail := func(err error) { yield(store.Entry{}, answerOf("scan", prefix, err)) }
		keys, err := s.find(ctx, prefix)
		if err != nil {
			fail(err)
			return
		}
		slices.Sort(keys)
		keys = slices.Compact(keys) // Redis may name a key twice
		for some := range slices.Chunk(keys, step) {
			items, err := s.getMany(ctx, some)
			if err != nil {
				fail(err)
				return
			}
			for _, key := range some {
				it, there := items[key]
				if there && !yield(store.Entry{Key: key, Item: it}, nil) {
					return
				}
			}
		}
	}
}

// find returns the keys that start with prefix, perhaps some of them twice.
func (s *Store) find(ctx context.Context, prefix string) (keys []string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	pattern := globEscaper.Replace(s.keys+prefix) + "*"
	for _, node := range s.client.Nodes() {
		for cursor, more := uint64(0), true; more; more = cursor != 0 {
			page, err := node.Do(ctx, node.B().Scan().Cursor(cursor).Match(pattern).Count(step).Build()).AsScanEntry()
			if err != nil {
				return nil, err
			}
			cursor = page.Cursor
			for _, full := range page.Elements {
				keys = append(keys, strings.TrimPrefix(full, s.keys))
			}
		}
	}
	return keys, nil
}

var globEscaper = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `^`, `\^`)

// GetMany implements [store.Batcher].
func (s *Store) GetMany(ctx context.Context, keys []string) (map[string]store.Item, error) {
	if err := ctx.Err(); err != nil {
		return nil, answerOf("getmany", "", err)
	}
	found, err := s.getMany(ctx, keys)
	return found, answerOf("getmany", "", err)
}

func (s *Store) getMany(ctx context.Context, keys []string) (map[string]store.Item, error) {
	found := make(map[string]store.Item, len(keys))
	var asked []string
	var reads []rueidis.Completed
	for _, key := range keys {
		if len(key) <= maxKey {
			asked, reads = append(asked, key), append(reads, s.reading(key))
		}
	}
	for i, r := range s.client.DoMulti(ctx, reads...) {
		it, err := decode(r.AsBytes())
		switch {
		case err == store.ErrNotFound:
			continue
		case err != nil:
			return nil, answerOf("getmany", asked[i], err)
		}
		found[asked[i]] = it
	}
	return found, nil
}

// run runs a script on a key. A negative result is an answer.
func (s *Store) run(ctx context.Context, script *rueidis.Lua, key string, args ...string) (int64, error) {
	n, err := script.Exec(ctx, s.client, []string{s.keys + key, s.marks + s.writer + key, s.counter}, args).AsInt64()
	switch {
	case err != nil:
		return 0, err
	case n == isAbsent:
		return 0, store.ErrNotFound
	case n == hasAnother:
		return 0, store.ErrConflict
	case n == isForeign:
		return 0, fmt.Errorf("%w: it has no deadline", store.ErrForeign)
	}
	return n, nil
}

// ready returns an error if a call must not begin. Every method with a key calls it first.
func ready(ctx context.Context, key string, value []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(key) > maxKey {
		return fmt.Errorf("%w: a key of %d bytes, of at most %d", store.ErrTooLarge, len(key), maxKey)
	}
	if len(value) > maxValue {
		return fmt.Errorf("%w: a value of %d bytes, of at most %d", store.ErrTooLarge, len(value), maxValue)
	}
	return nil
}

// answerOf turns an error of the client into an error of the contract.
func answerOf(op, key string, err error) error {
	switch err {
	case nil, store.ErrNotFound, store.ErrConflict:
		return err
	}
	if redis, ok := errors.AsType[*rueidis.RedisError](err); ok {
		switch text := redis.Error(); {
		case strings.HasPrefix(text, "OOM "):
			err = fmt.Errorf("%w: %w", store.ErrFull, err)
		case strings.Contains(text, "WRONGTYPE"): // a script's error names its own line too
			err = fmt.Errorf("%w: %w", store.ErrForeign, err)
		}
	}
	if _, ok := errors.AsType[*store.Error](err); ok {
		return err
	}
	if errors.Is(err, rueidis.ErrClosing) {
		err = fmt.Errorf("%w: %w", store.ErrClosed, err)
	}
	return &store.Error{Op: op, Key: key, Err: err}
}
