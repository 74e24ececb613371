package clone_test

import (
	"reflect"
	"sync"
	"testing"

	"github.com/reecho-go/reecho/internal/clone"
)

// cloner is an interface with a Clone method, which copies what the interface holds.
type cloner interface{ Clone() cloner }

type counted struct {
	items []int
	calls *int
}

func (c counted) Clone() cloner {
	*c.calls++
	return counted{append([]int(nil), c.items...), c.calls}
}

// handle cannot be copied by a plan.
type handle struct {
	sync.Mutex
	items []int
}

func (c *handle) Clone() cloner { return &handle{items: append([]int(nil), c.items...)} }

// wrapped has the Clone method of what it embeds, which knows nothing of the rest.
type wrapped struct {
	cloner
	Extra []int
}

func TestAPromotedCloneMethodIsNoCopy(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]cloner{
		"once":  wrapped{counted{[]int{1}, new(0)}, []int{2}},
		"twice": wrapped{wrapped{counted{[]int{1}, new(0)}, nil}, []int{2}},
	} {
		got, err := planOf[cloner](t, clone.Config{}).Copy(v)
		if err != nil {
			t.Fatal(err)
		}
		w, ok := got.(wrapped)
		if !ok {
			t.Fatalf("%s: the copy of a %T is a %T", name, v, got)
		}
		if was := v.(wrapped); len(w.Extra) != 1 || w.Extra[0] != 2 || &w.Extra[0] == &was.Extra[0] {
			t.Errorf("%s: Extra is %v, or shared", name, w.Extra)
		}
		if reflect.TypeOf(w.cloner) != reflect.TypeOf(v.(wrapped).cloner) {
			t.Errorf("%s: the embedded value is a %T", name, w.cloner)
		}
	}
	// What cannot be copied without the method is an error, not half a value.
	type locked struct {
		cloner
		mu *sync.Mutex
	}
	if got, err := planOf[cloner](t, clone.Config{}).Copy(locked{counted{nil, new(0)}, new(sync.Mutex)}); err == nil {
		t.Errorf("the copy of a value with a lock is %v", got)
	}
}

func TestCloneIsNotCalledForNilBehindAnInterface(t *testing.T) {
	t.Parallel()
	got, err := planOf[cloner](t, clone.Config{}).Copy((*handle)(nil))
	if p, ok := got.(*handle); err != nil || !ok || p != nil {
		t.Errorf("the copy of a nil pointer is %T %v, %v", got, got, err)
	}
	if got, err := planOf[cloner](t, clone.Config{}).Copy(nil); got != nil || err != nil {
		t.Errorf("the copy of nil is %T %v, %v", got, got, err)
	}
}

func TestSharedTargetsOfClonedInterfacesStayShared(t *testing.T) {
	t.Parallel()
	p := &handle{items: []int{1}}
	got, err := planOf[[]cloner](t, clone.Config{}).Copy([]cloner{p, p, &handle{}})
	if err != nil {
		t.Fatal(err)
	}
	if got[0] != got[1] || got[0] == got[2] || got[0] == cloner(p) || got[0].(*handle).items[0] != 1 {
		t.Errorf("copies are %p %p %p", got[0], got[1], got[2])
	}
	// Found by its pointer too, where the type of the pointer is known.
	type both struct {
		A *wrapped
		B cloner
	}
	w := &wrapped{nil, []int{1}}
	w.cloner = counted{nil, new(0)}
	b, err := planOf[both](t, clone.Config{}).Copy(both{w, w})
	if err != nil || b.B != cloner(b.A) || b.A == w {
		t.Errorf("the copies are %p and %v, %v", b.A, b.B, err)
	}
}

func TestAPanicOfACloneMethodLeavesThePlanUsable(t *testing.T) {
	t.Parallel()
	p := planOf[[]cloner](t, clone.Config{})
	for range 3 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic is lost")
				}
			}()
			_, _ = p.Copy([]cloner{&handle{}, counted{}}) // calls is nil
		}()
		calls := 0
		got, err := p.Copy([]cloner{counted{[]int{1}, &calls}})
		if err != nil || calls != 1 || got[0].(counted).items[0] != 1 {
			t.Errorf("after a panic: %v, %v, %d calls", got, err, calls)
		}
	}
}
