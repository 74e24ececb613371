package visit_test

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/internal/visit"
)

type (
	userKey  struct{}
	otherKey struct{}
)

// A watch hides nothing, and knows what was read through it.
func TestAWatchNotesWhatIsTheVisitors(t *testing.T) {
	t.Parallel()
	var told []string
	reads := visit.NewReads(func(_ context.Context, key, value string) { told = append(told, key+" "+value) })
	visitor, err := visit.NewVisitor(func(ctx context.Context) string {
		id, _ := ctx.Value(userKey{}).(string)
		return id
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	request := &http.Request{}
	ctx := context.WithValue(context.Background(), userKey{}, "anna")
	ctx = context.WithValue(ctx, otherKey{}, 7)
	ctx = context.WithValue(ctx, request, request)
	ctx = visitor.Context(ctx)

	w := reads.Watch(ctx)
	if w.Value(otherKey{}) != 7 || w.Value("nothing") != nil || len(w.Keys()) != 0 || w.Saw(visit.Declared) {
		t.Errorf("a value that is nobody's: %v, %v", w.Value(otherKey{}), w.Keys())
	}
	if want := []string{"visit_test.otherKey int"}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	if visit.Hide(w).Value(userKey{}) != nil || w.Saw(visit.Declared) || len(w.Keys()) != 0 {
		t.Errorf("a shared load counts as a read: %v", w.Keys())
	}
	if w.Value(userKey{}) != "anna" || w.Value(request) != request || len(w.Keys()) != 2 {
		t.Errorf("the visitor's values: %v", w.Keys())
	}
	if id, err := visitor.ID(w); id != "anna" || err != nil || !w.Saw(visit.Declared) {
		t.Errorf("ID = %q, %v; noted: %v", id, err, w.Saw(visit.Declared))
	}
	if w := reads.Watch(ctx); !visit.Identified(w) || w.Saw(visit.Declared) {
		t.Error("Identified counts as a read, or does not know the visitor")
	}
	if visit.Identified(visitor.Context(context.Background())) {
		t.Error("nobody is identified")
	}
}

func TestAWatchNotesSlots(t *testing.T) {
	t.Parallel()
	r := new(scope.Request)
	r.Init(r, (&http.Request{}).WithContext(context.Background()))
	r.Fill(scope.Query, new(int))
	w := visit.NewReads(nil).Watch(r)
	build := func(*scope.Request, any) *string { return new(string) }
	if _, ok := scope.Peek[string](w, scope.Query); ok || w.Saw(scope.Query) || scope.HeldIn(w, scope.Query) == nil {
		t.Error("a look counts as a read")
	}
	if _, err := scope.Get(w, scope.Session, build); err != scope.ErrNone || w.Saw(scope.Session) {
		t.Errorf("what is not there: %v", err)
	}
	got, err := scope.Get(w, scope.Query, build)
	if outside, _ := scope.Get(r, scope.Query, build); err != nil || got != outside || !w.Saw(scope.Query) {
		t.Errorf("Get: %v, noted: %v", err, w.Saw(scope.Query))
	}
	if _, err := scope.Get(visit.Hide(w), scope.Query, build); err == nil {
		t.Error("a mask over a watch hides nothing")
	}
}
