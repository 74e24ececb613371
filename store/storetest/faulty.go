package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/reecho-go/reecho/store"
)

// ErrInjected is the error of a Fault without an Err.
var ErrInjected = errors.New("storetest: injected fault")

// The methods that Faulty can make fail.
const (
	opGet     = "get"
	opPut     = "put"
	opDelete  = "delete"
	opSwap    = "swap"
	opTouch   = "touch"
	opScan    = "scan"
	opGetMany = "getmany"
)

var ops = []string{opGet, opPut, opDelete, opSwap, opTouch, opScan, opGetMany}

// Fault is one line of a script: which calls it hits, and what happens to them. A
// fault that sets none of them fails the call.
type Fault struct {
	// Op is the method that it hits, in lower case as in [store.Error]: get, put,
	// delete, swap, touch, scan or getmany. Default: every method.
	Op string

	// Prefix is what the key (of Scan: the prefix; of GetMany: one
	// of the keys) starts with. Default: any key.
	Prefix string

	// After lets that many matching calls pass first. Default: 0. Negative
	// is 0.
	After int

	// Times is how many calls it hits. Default: 0, which means 1. Negative:
	// all.
	Times int

	// Delay is waited before anything else, or until the context is done,
	// which then is the answer. Default: none. A fault with a Delay and
	// nothing else makes the call slow and leaves it right.
	Delay time.Duration

	// Hang waits until the context is done, does nothing, and returns its
	// error. Default: false.
	Hang bool

	// Lost carries the call out and then fails it: the write has happened, the
	// answer is lost. A Scan fails after its last entry. Default: false, the
	// call fails and nothing has happened.
	Lost bool

	// Answer changes each item that the call returns, so the store answers
	// with garbage. It must be safe for concurrent use. Default: nil.
	Answer func(key string, it store.Item) store.Item

	// Err is the error, returned as it is. Default: nil, which means a
	// *store.Error that wraps ErrInjected, or no error where Delay or Answer
	// alone is given.
	Err error
}

// err returns the error with which the call fails, or nil.
func (f *Fault) err(op string, keys ...string) error {
	switch {
	case f.Err != nil:
		return f.Err
	case f.Lost || f.Delay <= 0 && f.Answer == nil:
		return fail(op, keys, ErrInjected)
	}
	return nil
}

// fail is err with the call that failed.
func fail(op string, keys []string, err error) error {
	var key string
	if len(keys) > 0 {
		key = keys[0]
	}
	return &store.Error{Op: op, Key: key, Err: err}
}

// hits reports whether f applies to the call.
func (f *Fault) hits(op string, keys []string) bool {
	return (f.Op == "" || f.Op == op) &&
		(f.Prefix == "" || slices.ContainsFunc(keys, func(key string) bool { return strings.HasPrefix(key, f.Prefix) }))
}

// Call is one call that a FaultyStore saw.
type Call struct {
	Op   string
	Keys []string // the key, the prefix of Scan, or the keys of GetMany
	Hit  bool     // whether a fault hit it
}

// FaultyStore is a store that follows a script. Make one with [Faulty]. It is
// safe for concurrent use; it counts calls in the order in which they arrive,
// so a script is deterministic where the calls are.
type FaultyStore struct {
	inner store.Store
	views store.Store // the capabilities, for store.As

	mu     sync.Mutex
	faults []Fault
	calls  []Call
}

// Faulty wraps s with a script. Of several faults that match a call, the first
// one that is not used up hits it. The capabilities that s has are found on the
// result through store.As, with the faults in them, except Close, which the code
// that opened s calls; there is no way around the script.
func Faulty(s store.Store, script ...Fault) *FaultyStore {
	f := &FaultyStore{inner: s}
	f.Inject(script...)
	if c, ok := store.As[store.Swapper](s); ok {
		f.views = &swapView{view{f, f.views}, c}
	}
	if c, ok := store.As[store.Toucher](s); ok {
		f.views = &touchView{view{f, f.views}, c}
	}
	if c, ok := store.As[store.Scanner](s); ok {
		f.views = &scanView{view{f, f.views}, c}
	}
	if c, ok := store.As[store.Batcher](s); ok {
		f.views = &batchView{view{f, f.views}, c}
	}
	return f
}

// Inject adds faults to the end of the script. It panics for an Op that no method
// has, since that fault would never hit.
func (f *FaultyStore) Inject(faults ...Fault) {
	for _, fault := range faults {
		if fault.Op != "" && !slices.Contains(ops, fault.Op) {
			panic(fmt.Sprintf("storetest: Fault.Op is %q: use one of %s, or nothing for every method", fault.Op, strings.Join(ops, ", ")))
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, faults...)
}

// Heal drops the script: from now on every call is right. Calls that hang or
// wait go on doing so.
func (f *FaultyStore) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
}

// Calls returns the calls seen so far, in order.
func (f *FaultyStore) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// Unwrap leads store.As to the capabilities, never to the wrapped store.
func (f *FaultyStore) Unwrap() store.Store { return f.views }

// Get implements [store.Store].
func (f *FaultyStore) Get(ctx context.Context, key string) (it store.Item, err error) {
	fault, err := f.play(ctx, opGet, key)
	if err != nil {
		return store.Item{}, err
	}
	it, err = f.inner.Get(ctx, key)
	if fault.Lost {
		return store.Item{}, fault.err(opGet, key)
	}
	return fault.answer(key, it, err), err
}

// Put implements [store.Store].
func (f *FaultyStore) Put(ctx context.Context, key string, it store.Item) error {
	return f.do(ctx, opPut, func() error { return f.inner.Put(ctx, key, it) }, key)
}

// Delete implements [store.Store].
func (f *FaultyStore) Delete(ctx context.Context, key string) error {
	return f.do(ctx, opDelete, func() error { return f.inner.Delete(ctx, key) }, key)
}

// do plays a call that returns nothing but an error.
func (f *FaultyStore) do(ctx context.Context, op string, call func() error, keys ...string) error {
	fault, err := f.play(ctx, op, keys...)
	if err != nil {
		return err
	}
	err = call()
	if fault.Lost {
		return fault.err(op, keys...)
	}
	return err
}

// play records the call, finds the fault that hits it, and carries out what the fault does
// before the call. If it returns an error, the call is over.
func (f *FaultyStore) play(ctx context.Context, op string, keys ...string) (Fault, error) {
	fault, hit := f.next(op, keys)
	if !hit {
		return Fault{}, nil
	}
	if fault.Hang {
		<-ctx.Done()
		return fault, fail(op, keys, ctx.Err())
	}
	if fault.Delay > 0 {
		wait := time.NewTimer(fault.Delay)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
			return fault, fail(op, keys, ctx.Err())
		}
	}
	if err := fault.err(op, keys...); err != nil && !fault.Lost {
		return fault, err
	}
	return fault, nil
}

// next notes the call and takes the fault that hits it from the script.
func (f *FaultyStore) next(op string, keys []string) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, Call{Op: op, Keys: slices.Clone(keys)})
	for i := range f.faults {
		fault := &f.faults[i]
		if !fault.hits(op, keys) {
			continue
		}
		if fault.After > 0 {
			fault.After--
			continue
		}
		hit := *fault
		switch {
		case fault.Times == 0 || fault.Times == 1:
			f.faults = slices.Delete(f.faults, i, i+1)
		case fault.Times > 1:
			fault.Times--
		}
		f.calls[len(f.calls)-1].Hit = true
		return hit, true
	}
	return Fault{}, false
}

// answer is the item that the call returns.
func (f *Fault) answer(key string, it store.Item, err error) store.Item {
	if f.Answer == nil || err != nil {
		return it
	}
	return f.Answer(key, it)
}

// view is one link of the chain that store.As walks: the faulty store with one
// capability, and the link to the next.
type view struct {
	*FaultyStore
	next store.Store
}

// Unwrap returns the next link.
func (v view) Unwrap() store.Store { return v.next }

type swapView struct {
	view
	inner store.Swapper
}

// Swap implements [store.Swapper].
func (v *swapView) Swap(ctx context.Context, key string, old uint64, it store.Item) (version uint64, err error) {
	err = v.do(ctx, opSwap, func() (err error) {
		version, err = v.inner.Swap(ctx, key, old, it)
		return err
	}, key)
	if err != nil {
		return 0, err
	}
	return version, nil
}

type touchView struct {
	view
	inner store.Toucher
}

// Touch implements [store.Toucher].
func (v *touchView) Touch(ctx context.Context, key string, expires time.Time) error {
	return v.do(ctx, opTouch, func() error { return v.inner.Touch(ctx, key, expires) }, key)
}

type scanView struct {
	view
	inner store.Scanner
}

// Scan implements [store.Scanner].
func (v *scanView) Scan(ctx context.Context, prefix string) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		fault, err := v.play(ctx, opScan, prefix)
		if err != nil {
			yield(store.Entry{}, err)
			return
		}
		for e, err := range v.inner.Scan(ctx, prefix) {
			e.Item = fault.answer(e.Key, e.Item, err)
			if !yield(e, err) || err != nil {
				return
			}
		}
		if fault.Lost {
			yield(store.Entry{}, fault.err(opScan, prefix))
		}
	}
}

type batchView struct {
	view
	inner store.Batcher
}

// GetMany implements [store.Batcher].
func (v *batchView) GetMany(ctx context.Context, keys []string) (map[string]store.Item, error) {
	fault, err := v.play(ctx, opGetMany, keys...)
	if err != nil {
		return nil, err
	}
	found, err := v.inner.GetMany(ctx, keys)
	if fault.Lost {
		return nil, fault.err(opGetMany, keys...)
	}
	for key, it := range found {
		found[key] = fault.answer(key, it, err)
	}
	return found, err
}
