package cachedata

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/internal/group"
	"github.com/reecho-go/reecho/internal/keys"
	"github.com/reecho-go/reecho/internal/linewise"
	"github.com/reecho-go/reecho/internal/raw"
	"github.com/reecho-go/reecho/internal/visit"
	"github.com/reecho-go/reecho/observe"
)

// shell is the typed cache around a core.
type shell interface {
	AnyCache
	adopt(*core)
}

// building is what a cache is made from, without its types: so that one more cache adds
// little code to a program.
type building struct {
	cfg   settings
	fns   functions
	batch bool
	wrong error
}

func newBuilding(cfg *Config) *building { return &building{cfg: cfg.settings()} }

// noFuncs notes that there are n Funcs, and not one.
func (b *building) noFuncs(n int) {
	if n > 1 {
		b.wrong = fmt.Errorf("there are %d Funcs: put all functions into one", n)
	}
}

// finish makes the core of the cache self, for keys and results of these types,
// and adds the cache to its group.
func (b *building) finish(self shell, name string, key, result reflect.Type) error {
	maker, wrong := "New", b.wrong
	if b.batch {
		maker = "NewBatch"
	} else {
		wrong = errors.Join(wrong, b.cfg.withoutBatch())
	}
	if err := newCore(self, name, key, result, b.cfg, b.fns, wrong); err != nil {
		return linewise.Prefix(fmt.Sprintf("cachedata: %s(%q): ", maker, name), err, "cachedata: ", name+": ")
	}
	return nil
}

// newCore makes the core of the cache self. wrong is an error that was found before;
// it is joined with those that newCore finds.
func newCore(self shell, name string, key, result reflect.Type, cfg settings, fns functions, wrong error) error {
	c := &core{
		name:   name,
		label:  "cachedata: " + name,
		cfg:    cfg,
		fns:    fns,
		key:    raw.Of(key),
		result: raw.Of(result),
		rich:   cfg.IdleTTL > 0 || cfg.StaleFor > 0 || cfg.FailSafe > 0 || cfg.EagerAt > 0 || cfg.CountHits,
		group:  cmp.Or(cfg.Group, Default()).group,
		budget: cmp.Or(cfg.Group, Default()).budget,
	}
	if cfg.MaxBytes > 0 && !c.budget.given {
		c.budget = nil
	}
	c.observer = observe.Tee(c.group.Observer(), cfg.Observer)

	errs := []error{wrong}
	if name == "" {
		errs = append(errs, errors.New("the name is empty: it identifies the cache in its group"))
	}
	if fns.load == nil {
		errs = append(errs, errors.New("the load function is nil"))
	}
	errs = append(errs, cfg.validate())
	if cfg.validateTypes() == nil { // the plans need valid types
		errs = append(errs, c.compileKeys(), c.checkBuilders(), c.compileCopies())
	}
	err := errors.Join(errs...)
	if cfg.Store != nil {
		var wrong error
		if c.second, wrong = newSecondLevel(c); wrong != nil {
			err = errors.Join(err, wrong)
		}
	}
	if err != nil {
		return err
	}

	c.layout = newLayout(c)
	if cfg.Scope == Session {
		c.sessions = newSessions(c)
	} else {
		c.reads = visit.NewReads(c.contextRead)
	}
	c.table.init(c)
	if cfg.OnClear != nil {
		c.hooks.Add(cfg.OnClear)
	}
	c.member = &member{core: c, self: self}
	self.adopt(c) // before others can find the cache in its group
	switch err := c.group.Add(c.member); {
	case errors.Is(err, group.ErrClosed):
		return fmt.Errorf("group %q: %w", c.group.Name(), ErrClosed)
	case err != nil:
		return fmt.Errorf("group %q: %w: give it another name, or close the other cache first", c.group.Name(), err)
	}
	if c.second != nil {
		c.second.watch()
	}
	return nil
}

// compileKeys compiles how a key identifies its result.
func (c *core) compileKeys() error {
	known, err := keys.For(c.label, c.key.Type, c.cfg.identifies())
	if err != nil {
		return err
	}
	c.keys, c.shape = known, known.Shape()
	return nil
}

// compileCopies compiles how a result is copied.
func (c *core) compileCopies() error {
	switch {
	case c.cfg.ReadOnly:
		if c.cfg.VerifyReadOnly {
			var err error
			if c.seals, err = newSeals(c.result.Type, c.cfg.Trusted); err != nil {
				return err
			}
		}
		return c.compileSizes(nil)
	case c.fns.clone != nil:
		c.copyTo = func(dst, src unsafe.Pointer) error {
			c.fns.clone(dst, src)
			return nil
		}
		return c.compileSizes(nil)
	case c.cfg.Copy != nil:
		own, err := c.cfg.Copy.compile(c.result.Type)
		if err != nil {
			return c.copyError(err)
		}
		c.copyTo = own
		return c.compileSizes(nil)
	}
	plan, err := clone.ForType(c.result.Type, clone.Config{Immutable: c.cfg.Immutable, Trusted: c.cfg.Trusted})
	if err != nil {
		return c.copyError(err)
	}
	if !plan.Flat() {
		c.plan, c.copyTo = plan, plan.CopyTo
	}
	return c.compileSizes(plan)
}

// compileSizes compiles the estimate of a result's bytes. plan is the plan that
// copies results, or nil if another way of copying is set.
func (c *core) compileSizes(plan *clone.Untyped) error {
	if c.fns.size != nil {
		return nil
	}
	if plan == nil {
		var err error
		plan, err = clone.ForType(c.result.Type, clone.Config{Trusted: c.cfg.Trusted})
		if err != nil && (c.cfg.MaxBytes > 0 || c.budget != nil && c.budget.given) {
			return fmt.Errorf("results cannot be measured for MaxBytes: set Funcs.Size: %w", err)
		}
	}
	if plan != nil && !plan.FixedSize() {
		c.estimate = plan.Size
	}
	return nil
}

// contextRead tells observers of a context value that a load has read.
func (c *core) contextRead(ctx context.Context, key, value string) {
	observe.Emit(ctx, c.observer, observe.ContextRead{Source: observe.Source{Group: c.group.Name(), Cache: c.name}, Key: key, Value: value})
}
