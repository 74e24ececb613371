package keys_test

import (
	"database/sql"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/reecho-go/reecho/internal/keys"
)

type deps struct {
	Name string
	DB   *sql.DB
	log  func(string)
}

type looped struct {
	Next *looped
	Stop chan int
}

// typeErrors returns what For refuses about K, as "path: type".
func typeErrors[K any](t *testing.T, cfg keys.Config) (got []string) {
	t.Helper()
	return typeErrorsOf(t, reflect.TypeFor[K](), cfg)
}

func typeErrorsOf(t *testing.T, typ reflect.Type, cfg keys.Config) (got []string) {
	t.Helper()
	_, err := compile(typ, cfg)
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("error is %T, want joined errors", err)
	}
	for _, e := range joined.Unwrap() {
		te, ok := errors.AsType[*keys.TypeError](e)
		if !ok {
			t.Fatalf("error is %T (%v), want *TypeError", e, e)
		}
		for _, way := range []string{te.Path, te.Type.String(), `hash:"ignore"`, "HashFuncs", "closure"} {
			if !strings.Contains(te.Error(), way) {
				t.Errorf("%q does not mention %q", te.Error(), way)
			}
		}
		got = append(got, te.Path+": "+te.Type.String())
	}
	return got
}

func TestTypesThatIdentifyNothingAreRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		got  []string
		want []string
	}{
		{"func", typeErrors[func()](t, keys.Config{}), []string{"key: func()"}},
		{"chan", typeErrors[chan int](t, keys.Config{}), []string{"key: chan int"}},
		{"unsafe.Pointer", typeErrors[unsafe.Pointer](t, keys.Config{}), []string{"Pointer: unsafe.Pointer"}},
		{"mutex", typeErrors[struct{ Mu sync.Mutex }](t, keys.Config{}), []string{"key.Mu: sync.Mutex"}},
		{"wait group", typeErrors[struct{ W *sync.WaitGroup }](t, keys.Config{}), []string{"key.W: *sync.WaitGroup"}},
		{"atomic", typeErrors[struct{ N atomic.Int64 }](t, keys.Config{}), []string{"key.N: atomic.Int64"}},
		{"atomic pointer", typeErrors[struct{ P atomic.Pointer[int] }](t, keys.Config{}), []string{"key.P: atomic.Pointer[int]"}},
		{"connection", typeErrors[*net.TCPConn](t, keys.Config{}), []string{"key: *net.TCPConn"}},
		{"all problems together", typeErrors[deps](t, keys.Config{}), []string{"deps.DB: *sql.DB", "deps.log: func(string)"}},
		{"in containers", typeErrors[struct {
			L []func()
			A [2]chan int
			M map[string]func()
			K map[chan int]bool
			P **func()
		}](t, keys.Config{}), []string{"key.L[]: func()", "key.A[]: chan int", "key.M[]: func()", "key.K[key]: chan int", "key.P: **func()"}},
		{"recursive", typeErrors[looped](t, keys.Config{}), []string{"looped.Stop: chan int"}},
		{"recursive from outside", typeErrors[[]*looped](t, keys.Config{}), []string{"key[].Stop: chan int"}},
		{"not a Stringer", typeErrors[struct {
			S int `hash:"string"`
		}](t, keys.Config{}), []string{"key.S: int"}},
		{"ignored", typeErrors[struct {
			F func()     `hash:"ignore"`
			M sync.Mutex `hash:"-"`
		}](t, keys.Config{}), nil},
		{"in an array without elements, which has no data", typeErrors[struct {
			F [0]func()
			M [0]sync.Mutex
			A [2][0]chan int
			N int
		}](t, keys.Config{}), nil},
		{"with HashFuncs", typeErrors[deps](t, keys.Config{HashFuncs: map[reflect.Type]func(any) (any, error){
			reflect.TypeFor[*sql.DB]():      func(any) (any, error) { return 1, nil },
			reflect.TypeFor[func(string)](): func(any) (any, error) { return 2, nil },
		}}), nil},
	}
	for _, tt := range tests {
		if got, want := fmt.Sprint(tt.got), fmt.Sprint(tt.want); got != want {
			t.Errorf("%s: refused %s, want %s", tt.name, got, want)
		}
	}
}

func TestDynamicTypesThatIdentifyNothingAreErrors(t *testing.T) {
	t.Parallel()
	type query struct {
		Name string
		Args map[string]any
		any
	}
	tests := []struct {
		name string
		k    query
		want string
	}{
		{"func", query{any: func() {}}, "query.any: func()"},
		{"deep inside", query{Args: map[string]any{"a": []any{1, &deps{}}}}, `query.Args["a"].([]interface {})[1].DB: *sql.DB`},
		{"mutex", query{any: &sync.Mutex{}}, "query.any: *sync.Mutex"},
		{"recursive", query{any: &looped{}}, "query.any.Stop: chan int"},
		{"connection", query{any: &net.UDPConn{}}, "query.any: *net.UDPConn"},
	}
	plan := must[query](t, keys.Config{})
	for _, tt := range tests {
		_, err := plan.Append(nil, &tt.k)
		ve, ok := errors.AsType[*keys.ValueError](err)
		if !ok {
			t.Errorf("%s: error is %v, want *ValueError", tt.name, err)
			continue
		}
		if got := ve.Path + ": " + ve.Type.String(); got != tt.want || !errors.Is(err, keys.ErrUnkeyable) {
			t.Errorf("%s: error at %q, want %q\n%v", tt.name, got, tt.want, err)
		}
		if _, err := plan.Fingerprint(tt.k); !errors.Is(err, keys.ErrUnkeyable) {
			t.Errorf("%s: Fingerprint gives %v", tt.name, err)
		}
	}
}

func TestValidateNamesEveryProblemOfTheConfig(t *testing.T) {
	t.Parallel()
	err := keys.Config{
		MaxDepth: -1, MaxBytes: -2, Trusted: []reflect.Type{nil},
		HashFuncs: map[reflect.Type]func(any) (any, error){reflect.TypeFor[int](): nil},
	}.Validate()
	for _, want := range []string{"MaxDepth is -1", "Keys.MaxBytes is -2", "HashFuncs[int]", "Trusted[0]"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not mention %s", err, want)
		}
	}
	for _, cfg := range []keys.Config{{MaxDepth: 1 << 20}, {MaxBytes: 1<<30 + 1}} {
		if cfg.Validate() == nil {
			t.Errorf("%+v is accepted, though the limit cannot be kept", cfg)
		}
	}
}
