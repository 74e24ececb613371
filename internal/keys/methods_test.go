package keys_test

import (
	"bytes"
	"math"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/internal/keys"
)

// What is defined from such a type has lost the methods that say the content.
func TestTypesDefinedFromNumbersAndAddressesAreRefused(t *testing.T) {
	t.Parallel()
	type (
		amount  big.Int
		ratio   big.Rat
		price   big.Float
		address netip.Addr
	)
	for _, of := range []reflect.Type{
		reflect.TypeFor[amount](), reflect.TypeFor[*amount](), reflect.TypeFor[ratio](), reflect.TypeFor[price](), reflect.TypeFor[address](),
		reflect.TypeFor[struct{ A address }](),
	} {
		if _, err := keys.Compile(of, keys.Config{}); err == nil || !strings.Contains(err.Error(), "without the methods that say its content") {
			t.Errorf("%v: %v, want that it lost its methods", of, err)
		}
	}
}

// What embeds one has its methods too, and more content.
func TestStructsThatEmbedNumbersIdentifyByAllFields(t *testing.T) {
	t.Parallel()
	type money struct {
		big.Int
		Unit string
	}
	plan := must[*money](t, keys.Config{})
	five := of(t, plan, &money{*big.NewInt(5), "EUR"})
	if !bytes.Equal(five, of(t, plan, &money{*big.NewInt(5), "EUR"})) {
		t.Error("equal amounts identify differently")
	}
	for _, other := range []*money{{*big.NewInt(6), "EUR"}, {*big.NewInt(5), "USD"}} {
		if bytes.Equal(five, of(t, plan, other)) {
			t.Errorf("%v identifies like 5 EUR", other)
		}
	}
}

// What identifies two numbers is the same if and only if math/big says that they
// are equal.
func TestBigNumbersIdentifyByTheirContent(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	plan := must[*big.Float](t, keys.Config{})
	ints, rats := must[*big.Int](t, keys.Config{}), must[*big.Rat](t, keys.Config{})
	integer := func() *big.Int {
		x := new(big.Int)
		for range random.IntN(4) {
			x.Lsh(x, uint(random.IntN(130))).Add(x, big.NewInt(random.Int64N(3)))
		}
		if random.IntN(2) == 0 {
			x.Neg(x)
		}
		// Of several equal numbers the memory differs.
		return x.Sub(x.Add(x, new(big.Int).Lsh(big.NewInt(1), 200)), new(big.Int).Lsh(big.NewInt(1), 200))
	}
	float := func() *big.Float {
		x := new(big.Float).SetPrec(uint(64 + 64*random.IntN(3)))
		switch random.IntN(8) {
		case 0:
			return x.SetInf(random.IntN(2) == 0)
		case 1:
			return x.SetFloat64(math.Copysign(0, -1))
		case 2:
			return new(big.Float)
		}
		x.SetInt(integer())
		return x.SetMantExp(x, random.IntN(3)).SetMode(big.RoundingMode(random.IntN(2)))
	}
	same := 0
	for range 20_000 {
		a, b := integer(), integer()
		if equal := bytes.Equal(of(t, ints, a), of(t, ints, b)); equal != (a.Cmp(b) == 0) {
			t.Fatalf("%v and %v identify alike: %v", a, b, equal)
		} else if equal {
			same++
		}
		c, d := new(big.Rat), new(big.Rat)
		if b.Sign() != 0 {
			c, d = c.SetFrac(a, b), d.SetFrac(b, new(big.Int).Add(new(big.Int).Abs(a), big.NewInt(1)))
		}
		if equal := bytes.Equal(of(t, rats, c), of(t, rats, d)); equal != (c.Cmp(d) == 0) {
			t.Fatalf("%v and %v identify alike: %v", c, d, equal)
		}
		x, y := float(), float()
		want := x.Cmp(y) == 0 && x.Signbit() == y.Signbit() && x.Prec() == y.Prec() && x.Mode() == y.Mode() && x.Acc() == y.Acc()
		if equal := bytes.Equal(of(t, plan, x), of(t, plan, y)); equal != want {
			t.Fatalf("%v (%d, %v, %v) and %v (%d, %v, %v) identify alike: %v", x, x.Prec(), x.Mode(), x.Acc(), y, y.Prec(), y.Mode(), y.Acc(), equal)
		}
		if z := new(big.Float).Copy(x); !bytes.Equal(of(t, plan, x), of(t, plan, z)) {
			t.Fatalf("a copy of %v identifies otherwise", x)
		}
	}
	if same < 100 {
		t.Errorf("%d pairs were equal: the test tests too little", same)
	}
}

func TestAddressesIdentifyByTheirContent(t *testing.T) {
	t.Parallel()
	plan := must[netip.Addr](t, keys.Config{})
	all := []netip.Addr{
		{},
		netip.MustParseAddr("0.0.0.0"), netip.MustParseAddr("1.2.3.4"), netip.MustParseAddr("::ffff:1.2.3.4"),
		netip.MustParseAddr("::"), netip.MustParseAddr("::1"), netip.MustParseAddr("::1%eth0"), netip.MustParseAddr("::1%eth1"),
		netip.MustParseAddr("fe80::1%" + string([]byte("eth0"))), netip.MustParseAddr("fe80::1%eth0"), netip.AddrFrom4([4]byte{1, 2, 3, 4}),
	}
	for _, a := range all {
		for _, b := range all {
			if equal := bytes.Equal(of(t, plan, a), of(t, plan, b)); equal != (a == b) {
				t.Errorf("%v and %v identify alike: %v", a, b, equal)
			}
		}
	}
}

func of[K any](t *testing.T, p typedPlan[K], k K) []byte {
	t.Helper()
	b, err := p.Append(nil, &k)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
