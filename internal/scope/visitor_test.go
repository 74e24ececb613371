package scope_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/internal/scope"
)

type userKey struct{}

type user struct{ name string }

// byUser is an id as programs write it.
func byUser(ctx context.Context) string {
	u, _ := ctx.Value(userKey{}).(*user)
	if u == nil {
		return ""
	}
	return u.name
}

func newVisitor(t *testing.T, id func(context.Context) string, keys ...any) *scope.Visitor {
	t.Helper()
	v, err := scope.NewVisitor(id, keys)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func as(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, userKey{}, &user{name})
}

func TestNewVisitorRefusesWhatCannotBeRight(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		id   func(context.Context) string
		keys []any
		want []string
	}{
		"nothing":                {nil, nil, []string{"id is nil"}},
		"several faults":         {nil, []any{nil, []int{1}, "a", "a"}, []string{"id is nil", "keys[0] is nil", "keys[1] is of type []int", `keys[3] stands twice: string("a")`}},
		"the server as a key":    {byUser, []any{http.ServerContextKey}, []string{"keys[0] is *http.contextKey, which is no visitor's"}},
		"everybody has one id":   {func(ctx context.Context) string { _ = byUser(ctx); return "all" }, nil, []string{`id returns "all" for a context that holds nothing`}},
		"of nothing":             {func(context.Context) string { return "" }, nil, []string{"id reads no value"}},
		"a panic without a user": {func(ctx context.Context) string { return ctx.Value(userKey{}).(*user).name }, nil, []string{"id fails for a context without a visitor"}},
	} {
		_, err := scope.NewVisitor(test.id, test.keys)
		for _, want := range test.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: NewVisitor() = %v, want %q in it", name, err, want)
			}
		}
	}
}

func TestTheIDOfAVisitorIsReadWhenItIsAskedFor(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, byUser)
	request := newState(t.Context())
	v.Declare(request, nil)
	for name, test := range map[string]struct {
		ctx  context.Context
		want string
		err  error
	}{
		"before the login":    {request, "", nil},
		"after the login":     {as(request, "alice"), "alice", nil},
		"above the request":   {func() context.Context { r := newState(as(t.Context(), "bob")); v.Declare(r, nil); return r }(), "bob", nil},
		"somebody else later": {as(as(request, "alice"), "bob"), "bob", nil},
		"detached":            {context.WithoutCancel(as(request, "alice")), "alice", nil},
		"no request":          {as(t.Context(), "alice"), "", scope.ErrNone},
		"a context of ours":   {as(v.Context(t.Context()), "carol"), "carol", nil},
		"in a global load":    {scope.Hide(as(request, "alice")), "", scope.ErrVisitorInGlobalLoad},
	} {
		got, err := v.ID(test.ctx)
		if got != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s: ID() = %q, %v, want %q, %v", name, got, err, test.want, test.err)
		}
	}
}

func TestDifferentVisitorsNeverHaveOneLife(t *testing.T) {
	t.Parallel()
	staff, customers := newVisitor(t, byUser), newVisitor(t, byUser)
	session := new(visitor)
	of := func(v *scope.Visitor, ctx context.Context, name string) context.Context {
		return as(v.Context(ctx), name)
	}
	lives := map[string]string{}
	for name, ctx := range map[string]context.Context{
		"alice":                       of(staff, t.Context(), "alice"),
		"bob":                         of(staff, t.Context(), "bob"),
		"alice of others":             of(customers, t.Context(), "alice"),
		"alice in a session":          of(staff, scope.WithLifetimeSource(t.Context(), named{"s"}), "alice"),
		"alice in another session":    of(staff, scope.WithLifetimeSource(t.Context(), named{"t"}), "alice"),
		"a session":                   scope.WithLifetimeSource(t.Context(), named{"s"}),
		"a name like alice's session": of(staff, t.Context(), "alice+s"),
		"a name with a length":        of(staff, t.Context(), "5:alice"),
		"alice by both":               of(customers, staff.Context(t.Context()), "alice"),
	} {
		life, err := scope.LifetimeOf(ctx)
		if err != nil {
			t.Fatal(name, err)
		}
		again, _ := scope.LifetimeOf(ctx)
		if again.ID() != life.ID() {
			t.Errorf("%s: two lives", name)
		}
		if other, ok := lives[life.ID()]; ok {
			t.Errorf("%s and %s share the life %q", name, other, life.ID())
		}
		lives[life.ID()] = name
	}
	if life, err := scope.LifetimeOf(of(staff, scope.WithLifetimeSource(t.Context(), session), "")); err != nil || life != scope.Lifetime(session) {
		t.Errorf("LifetimeOf() without an id = %v, %v, want the session alone", life, err)
	}
	if _, err := scope.LifetimeOf(of(staff, t.Context(), "")); err != scope.ErrNone {
		t.Errorf("LifetimeOf() for nobody = %v, want ErrNone", err)
	}
}

// named is a session with a name of its own.
type named struct{ name string }

func (n named) Lifetime(context.Context) (scope.Lifetime, error) { return &life{id: n.name}, nil }

type life struct {
	scope.Lifetime
	id string
}

func (l *life) ID() string                 { return l.id }
func (l *life) OnEnd(func()) (stop func()) { return func() {} }

func TestForgetEndsTheLifeOfOneVisitor(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, byUser)
	ctx := v.Context(t.Context())
	lend := func(name string) scope.Lifetime {
		t.Helper()
		l, err := scope.LifetimeOf(as(ctx, name))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	ended := map[string]int{}
	watch := func(name string) (stop func()) { return lend(name).OnEnd(func() { ended[name]++ }) }
	watch("alice")
	watch("bob")
	watch("carol")()
	v.Forget("alice")
	v.Forget("alice")
	v.Forget("carol")
	if ended["alice"] != 1 || ended["bob"] != 0 || ended["carol"] != 0 {
		t.Errorf("ended = %v, want alice once and nobody else", ended)
	}
	early := lend("alice") // by a call that began before the next Forget
	v.Forget("alice")
	early.OnEnd(func() { ended["early"]++ })
	if ended["early"] != 1 {
		t.Error("a life that was lent before Forget does not know that it is over")
	}
	watch("alice")
	if ended["alice"] != 1 {
		t.Error("alice cannot come back")
	}
}

func TestAMaskHidesTheDeclaredVisitor(t *testing.T) {
	t.Parallel()
	type claims struct{}
	type trace struct{}
	v := newVisitor(t, func(ctx context.Context) string {
		if id, ok := ctx.Value("user").(string); ok {
			return id
		}
		return byUser(ctx)
	}, claims{})
	request := newState(t.Context())
	v.Declare(request, func(string) any { return nil })
	var told []string
	reads := scope.NewReads(func(_ context.Context, key, value string) { told = append(told, key+"="+value) })
	ctx := context.WithValue(as(context.WithValue(request, trace{}, "t"), "alice"), claims{}, 7)
	for name, test := range map[string]struct {
		key    any
		hidden bool
		want   any
	}{
		"what id reads":        {userKey{}, true, nil},
		"a declared key":       {claims{}, true, nil},
		"a name, without one":  {"user", true, nil},
		"something else":       {trace{}, false, "t"},
		"nothing":              {"other", false, nil},
		"another type's value": {struct{}{}, false, nil},
	} {
		mask := reads.Hide(ctx)
		if got := context.WithoutCancel(mask).Value(test.key); got != test.want {
			t.Errorf("%s: Value() = %v, want %v", name, got, test.want)
		}
		if err := mask.Violation(); errors.Is(err, scope.ErrVisitorInGlobalLoad) != test.hidden {
			t.Errorf("%s: Violation() = %v", name, err)
		}
	}
	if len(told) != 1 || told[0] != "scope_test.trace=string" {
		t.Errorf("told = %q, want the trace alone", told)
	}
	mask := scope.Hide(ctx)
	mask.Value(claims{})
	if err := mask.Violation(); err == nil || !strings.Contains(err.Error(), "the context value under scope_test.claims") {
		t.Errorf("Violation() = %v, want it to name the key", err)
	}
}

// An id may read more for a visitor than for nobody.
func TestAMaskHidesWhatTheIDReadsOnlyForSomebody(t *testing.T) {
	t.Parallel()
	type tenant struct{}
	v := newVisitor(t, func(ctx context.Context) string {
		id := byUser(ctx)
		if id == "" {
			return ""
		}
		in, _ := ctx.Value(tenant{}).(string)
		return in + "/" + id
	})
	reads := scope.NewReads(func(_ context.Context, key, _ string) { t.Errorf("told of %s", key) })
	mask := reads.Hide(context.WithValue(as(v.Context(t.Context()), "alice"), tenant{}, "acme"))
	if got := mask.Value(tenant{}); got != nil || mask.Violation() == nil {
		t.Errorf("Value() = %v, Violation() = %v, want it hidden at the first read", got, mask.Violation())
	}
}

func TestAMaskWithinAMaskHidesTheSame(t *testing.T) {
	t.Parallel()
	type trace struct{}
	v := newVisitor(t, byUser)
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	ctx := context.WithValue(context.WithValue(as(v.Context(t.Context()), "alice"), trace{}, "t"), "request", r) //lint:ignore SA1029 as programs do
	told := map[string]int{}
	outer := scope.NewReads(func(context.Context, string, string) { told["outer"]++ }).Hide(ctx)
	inner := scope.NewReads(func(context.Context, string, string) { told["inner"]++ })
	for name, key := range map[string]any{"declared": userKey{}, "by its type": "request"} {
		mask := inner.Hide(context.WithoutCancel(outer))
		if got := mask.Value(key); got != nil || mask.Violation() == nil {
			t.Errorf("%s: Value() = %v, Violation() = %v, want it hidden", name, got, mask.Violation())
		}
	}
	if got := inner.Hide(outer).Value(trace{}); got != "t" || told["outer"] != 1 || told["inner"] != 1 {
		t.Errorf("Value() = %v, told = %v, want both told of what both see", got, told)
	}
}

func TestReadsAreToldOnceByType(t *testing.T) {
	t.Parallel()
	type (
		number int
		text   string
		object struct{ ID int }
		key    struct{ any }
	)
	var told []string
	reads := scope.NewReads(func(_ context.Context, key, value string) { told = append(told, key+"="+value) })
	ctx := t.Context()
	put := map[any]any{
		number(3): 1, text("a"): 1, text("b"): "x", object{1}: &user{}, object{2}: &user{}, "plain": []int{}, key{1}: 1.5,
		http.ServerContextKey: new(http.Server), new(int): 1,
	}
	for k, v := range put {
		ctx = context.WithValue(ctx, k, v) //lint:ignore fatcontext all in one
	}
	for range 2 {
		mask := reads.Hide(ctx)
		for k := range put {
			mask.Value(k)
		}
		child, cancel := context.WithCancel(mask) // which looks for its parent
		_ = context.Cause(child)
		cancel()
		if err := mask.Violation(); err != nil {
			t.Error(err)
		}
	}
	want := map[string]bool{
		"scope_test.number(3)=int": true, `scope_test.text("a")=int`: true, `scope_test.text("b")=string`: true,
		"scope_test.object=*scope_test.user": true, `string("plain")=[]int`: true, "scope_test.key=float64": true, "*int=int": true,
	}
	for _, got := range told {
		if !want[got] {
			t.Errorf("told of %s, which is unknown, or has been told", got)
		}
		delete(want, got)
	}
	if len(want) > 0 {
		t.Errorf("not told of %v", want)
	}
}

func TestReadsOfKeysThatAreMadeAsTheProgramGoesAreBounded(t *testing.T) {
	t.Parallel()
	type text string
	n := 0
	reads := scope.NewReads(func(context.Context, string, string) { n++ })
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	for i := range 1000 {
		k := text(strings.Repeat("x", i))
		if got := reads.Hide(context.WithValue(t.Context(), k, i)).Value(k); got != i {
			t.Fatalf("Value() = %v, want %d", got, i)
		}
		if got := reads.Hide(context.WithValue(t.Context(), k, r)).Value(k); got != nil {
			t.Fatal("a request is visible")
		}
	}
	if n == 0 || n > 100 {
		t.Errorf("told %d times, want at most 100", n)
	}
}

func TestReadingThroughAMaskDoesNotAllocate(t *testing.T) {
	v := newVisitor(t, byUser)
	ctx := context.WithValue(as(v.Context(t.Context()), "alice"), "trace", "t") //lint:ignore SA1029 as programs do
	mask := scope.NewReads(func(context.Context, string, string) {}).Hide(ctx)
	var key any = "trace"
	if n := testing.AllocsPerRun(100, func() { mask.Value(key) }); n != 0 {
		t.Errorf("Value() allocates %v times, want 0", n)
	}
}

// What the framework keeps by name is asked for no longer than it may be.
func TestSettleKeepsWhatTheIDIsMadeOf(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, func(ctx context.Context) string {
		s, _ := ctx.Value("user").(string)
		return s
	})
	request := newState(t.Context())
	store, over := map[string]any{}, false
	v.Declare(request, func(name string) any {
		if over {
			t.Error("asked after the request")
		}
		return store[name]
	})
	if id, err := v.ID(request); id != "" || err != nil {
		t.Errorf("ID() before the login = %q, %v", id, err)
	}
	store["user"] = "alice" // the login
	scope.Settle(request)
	over = true
	delete(store, "user")
	if id, err := v.ID(context.WithoutCancel(request)); id != "alice" || err != nil {
		t.Errorf("ID() after the request = %q, %v, want alice", id, err)
	}
	scope.Settle(t.Context())
}
