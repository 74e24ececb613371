package canon

import (
	"bytes"
	"math"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
)

func TestNumbersAndAddressesAreKnownByTheirFields(t *testing.T) {
	t.Parallel()
	type (
		amount big.Int
		ratio  big.Rat
		price  big.Float
		money  struct{ big.Int }

		address netip.Addr
	)
	for _, tt := range []struct {
		of   reflect.Type
		want opcode
	}{
		{reflect.TypeFor[big.Int](), opInt1},
		{reflect.TypeFor[big.Rat](), opRat},
		{reflect.TypeFor[big.Float](), opFloat1},
		{reflect.TypeFor[amount](), opInt1},
		{reflect.TypeFor[ratio](), opRat},
		{reflect.TypeFor[price](), opFloat1},
		{reflect.TypeFor[netip.Addr](), opAddr},
		{reflect.TypeFor[address](), opAddr},
		{reflect.TypeFor[money](), opNone},
		{reflect.TypeFor[struct{}](), opNone},
		{reflect.TypeFor[struct {
			neg bool
			abs []uint
		}](), opNone},
	} {
		if got := contentType(tt.of); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.of, got, tt.want)
		}
	}
}

// What is read of two numbers is the same if and only if math/big says that they
// are equal.
func TestBigNumbersIdentifyByTheirContent(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	plan := compiled[*big.Float](t)
	ints, rats := compiled[*big.Int](t), compiled[*big.Rat](t)
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
	plan := compiled[netip.Addr](t)
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

// compiled compiles the plan of K.
func compiled[K any](t *testing.T) *Plan[K] {
	t.Helper()
	p, err := For[K](Config{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func of[K any](t *testing.T, p *Plan[K], k K) []byte {
	t.Helper()
	b, err := p.Append(nil, &k)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
