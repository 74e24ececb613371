package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/reecho-go/reecho/internal/commit"
	"github.com/reecho-go/reecho/internal/panics"
	"github.com/reecho-go/reecho/observe"
)

// hook is one hook of a plugin, with the index of the plugin in the list.
type hook[T any] struct {
	at   int
	name string
	call T
}

// Stack is a list of plugins as one middleware: of echo v4 by echov4.Middleware,
// of echo v5 by echov5.Middleware, of net/http by [Stack.Handler]. It may be used
// in several places and hosts, but a request should pass it once: if it passes it
// twice, by e.Use and by a group, all hooks run twice. A Stack within another
// Stack works, each with its own plugins. It is safe for concurrent use.
type Stack struct {
	plugins  []Plugin
	observer observe.Observer

	starters   []hook[Starter]
	beginners  []hook[Beginner]
	wrappers   []hook[Wrapper]
	handler    Handler // the wrappers around the request's handler
	committers []hook[Committer]
	hooks      commit.Hooks // s.commit, made once
	always     bool         // a committer is not OnDemand
	enders     []hook[Ender]
	closers    []hook[Closer]
	lifecycle  lifecycle
}

// New makes a Stack of plugins, in the order of their Begin. It refuses nil
// plugins, plugins without a name, two of one name, and a list that breaks the
// After of a plugin; all problems are reported together. Then it refuses wrappers
// that return no handler.
//
// A plugin that is also an [observe.Observer] is told of every hook that fails
// or panics; several are told in list order.
func New(plugins ...Plugin) (*Stack, error) {
	if err := check(plugins); err != nil {
		return nil, err
	}
	s := &Stack{plugins: slices.Clone(plugins)}
	var observers []observe.Observer
	for at, p := range s.plugins {
		name := p.Name()
		collect(&s.starters, at, name, p)
		collect(&s.beginners, at, name, p)
		collect(&s.wrappers, at, name, p)
		collect(&s.committers, at, name, p)
		collect(&s.enders, at, name, p)
		collect(&s.closers, at, name, p)
		if c, ok := p.(Committer); ok {
			_, onDemand := c.(OnDemand)
			s.always = s.always || !onDemand
		}
		if o, ok := p.(observe.Observer); ok {
			observers = append(observers, o)
		}
	}
	s.observer = observe.Tee(observers...)
	s.hooks = s.commit
	if err := s.compose(); err != nil {
		return nil, err
	}
	return s, nil
}

// collect appends p to hooks if it implements T.
func collect[T any](hooks *[]hook[T], at int, name string, p Plugin) {
	if c, ok := p.(T); ok {
		*hooks = append(*hooks, hook[T]{at, name, c})
	}
}

// Must returns v or panics with err; for package variables and main functions.
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// check returns an error that joins all mistakes in a list of plugins.
func check(plugins []Plugin) error {
	var errs []error
	if len(plugins) == 0 {
		errs = append(errs, errors.New("middleware: New needs at least one plugin"))
	}
	position := make(map[string]int, len(plugins))
	for at, p := range plugins {
		if isNil(p) {
			errs = append(errs, fmt.Errorf("middleware: plugin %d is nil", at))
			continue
		}
		name := p.Name()
		if name == "" {
			errs = append(errs, fmt.Errorf("middleware: plugin %d (%T) has no name", at, p))
			continue
		}
		if first, taken := position[name]; taken {
			errs = append(errs, fmt.Errorf("middleware: plugins %d and %d are both named %q: names are unique in a stack", first, at, name))
			continue
		}
		position[name] = at
	}
	after := make(map[string][]string, len(plugins))
	for at, p := range plugins {
		d, ok := p.(Dependent)
		if !ok || isNil(p) || position[p.Name()] != at {
			continue
		}
		after[d.Name()] = d.After()
	}
	for at, p := range plugins {
		if isNil(p) || position[p.Name()] != at {
			continue
		}
		name := p.Name()
		cycle := findCycle(after, name)
		for _, dep := range after[name] {
			earlier, known := position[dep]
			switch {
			case !known:
				errs = append(errs, fmt.Errorf("middleware: plugin %q must come after %q, which is not in the list", name, dep))
			case earlier >= at && !slices.Contains(cycle, dep):
				errs = append(errs, fmt.Errorf("middleware: plugin %q must come after %q: move it", name, dep))
			}
		}
		if cycle != nil && name == slices.Min(cycle) { // report each cycle once
			errs = append(errs, fmt.Errorf("middleware: plugins that must come after each other: %s", strings.Join(append(cycle, cycle[0]), " after ")))
		}
	}
	return errors.Join(errs...)
}

// findCycle returns a shortest path from name back to itself, or nil if there is none.
func findCycle(after map[string][]string, name string) []string {
	seen := map[string]bool{}
	paths := [][]string{{name}}
	for len(paths) > 0 {
		path := paths[0]
		paths = paths[1:]
		for _, next := range after[path[len(path)-1]] {
			if next == name {
				return path
			}
			if !seen[next] {
				seen[next] = true
				paths = append(paths, append(slices.Clone(path), next))
			}
		}
	}
	return nil
}

// isNil reports whether p is nil, or an interface with a nil pointer.
func isNil(p Plugin) bool {
	v := reflect.ValueOf(p)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

// Plugins returns the plugins in list order; the slice is the caller's own.
func (s *Stack) Plugins() []Plugin { return slices.Clone(s.plugins) }

// commit runs every committer, in list order, until one fails or panics, and merges what
// they set in Vary and Cache-Control.
func (s *Stack) commit(ctx context.Context, status int, h http.Header) (err error) {
	var at int
	var before commit.Caching
	defer func() {
		if v := recover(); v != nil {
			before.MergeInto(h)
			err = s.failed(ctx, s.committers[at].name, "BeforeHeaders", panics.New(v))
		}
	}()
	for at = range s.committers {
		before = commit.CachingIn(h)
		err := s.committers[at].call.BeforeHeaders(ctx, status, h)
		before.MergeInto(h)
		if err != nil {
			return s.failed(ctx, s.committers[at].name, "BeforeHeaders", err)
		}
	}
	return nil
}

// failed reports a hook's failure and names where it happened.
func (s *Stack) failed(ctx context.Context, plugin, hook string, err error) error {
	observe.Emit(ctx, s.observer, observe.PluginFailure{Plugin: plugin, Hook: hook, Err: err})
	return &pluginError{plugin, hook, err}
}
