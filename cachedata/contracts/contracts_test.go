package contracts

import (
	"context"
	"errors"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"
	iancoleman "github.com/iancoleman/orderedmap"
	"github.com/shopspring/decimal"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/reecho-go/reecho/cachedata"
)

func newCache[K, V any](t *testing.T, load func(context.Context, K) (V, error), cfg cachedata.Config, funcs ...cachedata.Funcs[K, V]) *cachedata.Cache[K, V] {
	t.Helper()
	g, err := cachedata.NewGroup(t.Name(), cachedata.GroupConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close(context.Background()) }) // nothing is in flight
	cfg.Group = g
	c, err := cachedata.New("contracts", load, cfg, funcs...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type price struct {
	ID     uuid.UUID
	Amount decimal.Decimal
	Tax    *decimal.Decimal
	Total  decimal.NullDecimal
}

// A decimal is a pointer to a big.Int and an exponent, both unexported.
func TestDecimalsAreCopied(t *testing.T) {
	t.Parallel()
	tax := decimal.RequireFromString("-0.19")
	mine := price{
		ID: uuid.MustParse("f47ac10b-58cc-0372-8567-0e02b2c3d479"), Amount: decimal.RequireFromString("12345678901234567890.125"),
		Tax: &tax, Total: decimal.NewNullDecimal(decimal.New(5, 3)),
	}
	c := newCache(t, func(context.Context, string) (price, error) { return mine, nil }, cachedata.Config{})
	a, err1 := c.Get(t.Context(), "x")
	b, err2 := c.Get(t.Context(), "x")
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	for _, got := range []price{a, b} {
		if got.ID != mine.ID || got.Amount.String() != "12345678901234567890.125" || got.Tax.String() != "-0.19" ||
			got.Total.Decimal.Exponent() != 3 || !got.Total.Valid {
			t.Errorf("got %v %v %v %v", got.ID, got.Amount, got.Tax, got.Total)
		}
	}
	*a.Tax = decimal.Zero
	tax = decimal.NewFromInt(7) // the loader's own
	if c, _ := c.Get(t.Context(), "x"); b.Tax.String() != "-0.19" || c.Tax.String() != "-0.19" {
		t.Errorf("another caller sees the change: %v, %v", b.Tax, c.Tax)
	}
}

// Keys are compared as data: 1.0 and 1.00 are numbers that are equal, with
// exponents that are not, and so print differently.
func TestDecimalsAndUUIDsAreKeys(t *testing.T) {
	t.Parallel()
	type key struct {
		User   uuid.UUID
		Amount decimal.Decimal
	}
	loads := 0
	c := newCache(t, func(_ context.Context, k key) (string, error) {
		loads++
		return k.Amount.String(), nil
	}, cachedata.Config{})
	id := uuid.MustParse("f47ac10b-58cc-0372-8567-0e02b2c3d479")
	computed := decimal.NewFromBigInt(new(big.Int).Sub(big.NewInt(300), big.NewInt(175)), -2)
	for _, k := range []key{{id, decimal.RequireFromString("1.25")}, {id, computed}, {id, decimal.NewFromFloat(1.25)}} {
		if got, err := c.Get(t.Context(), k); got != "1.25" || err != nil {
			t.Errorf("%v: %q, %v", k, got, err)
		}
	}
	if loads != 1 {
		t.Errorf("%d loads for equal keys", loads)
	}
	for _, k := range []key{{id, decimal.RequireFromString("1.250")}, {id, decimal.RequireFromString("-1.25")}, {uuid.Nil, computed}} {
		if _, err := c.Get(t.Context(), k); err != nil {
			t.Error(err)
		}
	}
	if loads != 4 {
		t.Errorf("%d loads for 4 different keys", loads)
	}
}

// A message has state of its library in it: it is copied as proto.Clone copies
// it, whether a Config has that or not.
func TestProtobufIsCopied(t *testing.T) {
	t.Parallel()
	for name, funcs := range map[string]cachedata.Funcs[int, *structpb.Struct]{
		"by itself": {}, "by a Clone": {Clone: proto.CloneOf[*structpb.Struct]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			load := func(context.Context, int) (*structpb.Struct, error) {
				return structpb.NewStruct(map[string]any{"name": "alice", "tags": []any{"a", "b"}, "deep": map[string]any{"n": 1}})
			}
			c := newCache(t, load, cachedata.Config{}, funcs)
			a, err1 := c.Get(t.Context(), 1)
			b, err2 := c.Get(t.Context(), 1)
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			want, err := load(t.Context(), 1)
			if err != nil || !proto.Equal(a, want) || !proto.Equal(b, want) {
				t.Fatalf("got %v and %v, want %v (%v)", a, b, want, err)
			}
			a.Fields["name"] = structpb.NewStringValue("mallory")
			a.Fields["deep"].GetStructValue().Fields["n"] = structpb.NewNumberValue(2)
			a.Fields["tags"].GetListValue().Values[0] = structpb.NewNullValue()
			if c, err := c.Get(t.Context(), 1); err != nil || !proto.Equal(b, want) || !proto.Equal(c, want) {
				t.Errorf("another caller sees the change: %v, %v (%v)", b, c, err)
			}
		})
	}
}

// What is not known is refused, and vouched for by Trusted.
func TestTypesOfOtherModulesAreTrustedByName(t *testing.T) {
	t.Parallel()
	load := func(context.Context, int) (*iancoleman.OrderedMap, error) {
		m := iancoleman.New()
		m.Set("a", []int{1})
		return m, nil
	}
	g, err := cachedata.NewGroup(t.Name(), cachedata.GroupConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close(context.Background()) })
	_, err = cachedata.New("refused", load, cachedata.Config{Group: g})
	var refused *cachedata.CopyError
	if !errors.As(err, &refused) || refused.Path == "" || !strings.Contains(err.Error(), "Config.Trusted") || !strings.Contains(err.Error(), "values") {
		t.Fatalf("without Trusted: %v, want a CopyError that names the field and the ways out", err)
	}
	c := newCache(t, load, cachedata.Config{Trusted: []reflect.Type{reflect.TypeFor[*iancoleman.OrderedMap]()}})
	a, err1 := c.Get(t.Context(), 1)
	b, err2 := c.Get(t.Context(), 1)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	a.Set("b", 2)
	if v, _ := a.Get("a"); v != nil {
		v.([]int)[0] = 7
	}
	if v, _ := b.Get("a"); len(b.Keys()) != 1 || v.([]int)[0] != 1 {
		t.Errorf("another caller sees the change: %v, %v", b.Keys(), v)
	}
}
