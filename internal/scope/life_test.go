package scope_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/reecho-go/reecho/internal/scope"
)

// visitor is a session and the lender of its own life.
type visitor struct{ scope.Life }

func (v *visitor) Lend(context.Context) (scope.Life, error) { return v, nil }
func (v *visitor) Deadline() time.Time                      { return time.Time{} }

func TestLend(t *testing.T) {
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
		"beside a request":   {scope.WithLender(t.Context(), bob), bob, nil},
		"nearer":             {scope.WithLender(request, bob), bob, nil},
		"hidden all the way": {scope.Hide(scope.WithLender(request, bob)), nil, scope.ErrVisitorInGlobalLoad},
	} {
		life, err := scope.Lend(test.ctx)
		if !errors.Is(err, test.err) || test.want != nil && life != scope.Life(test.want) {
			t.Errorf("%s: Lend() = %v, %v, want %p, %v", name, life, err, test.want, test.err)
		}
	}
	mask := scope.Hide(request)
	_, _ = scope.Lend(mask)
	if !errors.Is(mask.Violation(), scope.ErrVisitorInGlobalLoad) {
		t.Error("the mask does not know that a life was asked for")
	}
}
