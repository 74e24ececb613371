package scope_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/reecho-go/reecho/internal/scope"
)

// visitor is a session and the source of its own lifetime.
type visitor struct{ lifetime }

type lifetime = scope.Lifetime

func (v *visitor) Lifetime(context.Context) (scope.Lifetime, error) { return v, nil }
func (v *visitor) Deadline() time.Time                              { return time.Time{} }

func TestLifetimeOf(t *testing.T) {
	t.Parallel()
	alice, bob := new(visitor), new(visitor)
	request := newState(t.Context())
	request.Fill(scope.Session, alice)
	for name, test := range map[string]struct {
		ctx  context.Context
		want *visitor
		err  error
	}{
		"nowhere":            {t.Context(), nil, scope.ErrNone},
		"no plugin":          {newState(t.Context()), nil, scope.ErrNone},
		"in a request":       {request.HTTP.Context(), alice, nil},
		"in a global load":   {scope.Hide(request), nil, scope.ErrVisitorInGlobalLoad},
		"beside a request":   {scope.WithLifetimeSource(t.Context(), bob), bob, nil},
		"nearer":             {scope.WithLifetimeSource(request, bob), bob, nil},
		"hidden all the way": {scope.Hide(scope.WithLifetimeSource(request, bob)), nil, scope.ErrVisitorInGlobalLoad},
	} {
		life, err := scope.LifetimeOf(test.ctx)
		if !errors.Is(err, test.err) || test.want != nil && life != scope.Lifetime(test.want) {
			t.Errorf("%s: LifetimeOf() = %v, %v, want %p, %v", name, life, err, test.want, test.err)
		}
	}
	mask := scope.Hide(request)
	_, _ = scope.LifetimeOf(mask)
	if !errors.Is(mask.Violation(), scope.ErrVisitorInGlobalLoad) {
		t.Error("the mask does not know that a life was asked for")
	}
}
