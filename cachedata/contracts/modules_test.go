package contracts

import (
	"bytes"
	"fmt"
	"math/big"
	"time"

	"cloud.google.com/go/civil"
	"github.com/Masterminds/semver/v3"
	"github.com/Rhymond/go-money"
	"github.com/RoaringBitmap/roaring/v2"
	glist "github.com/bahlo/generic-list-go"
	"github.com/bits-and-blooms/bitset"
	"github.com/bits-and-blooms/bloom/v3"
	"github.com/bojanz/currency"
	"github.com/cockroachdb/apd/v3"
	mapset "github.com/deckarep/golang-set/v2"
	elliott "github.com/elliotchance/orderedmap/v3"
	"github.com/emirpasic/gods/maps/linkedhashmap"
	gofrs "github.com/gofrs/uuid/v5"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/btree"
	"github.com/google/uuid"
	"github.com/govalues/decimal"
	"github.com/guregu/null/v6"
	"github.com/hashicorp/go-version"
	"github.com/holiman/uint256"
	iancoleman "github.com/iancoleman/orderedmap"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/oklog/ulid/v2"
	"github.com/paulmach/orb"
	"github.com/rs/xid"
	"github.com/samber/mo"
	"github.com/segmentio/ksuid"
	shopspring "github.com/shopspring/decimal"
	"github.com/tidwall/gjson"
	"github.com/valyala/fastjson"
	wk8 "github.com/wk8/go-ordered-map/v2"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.uber.org/zap"
	"golang.org/x/text/language"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"gopkg.in/yaml.v3"
	"gorm.io/gorm"
)

func moduleShapes(l *laws) {
	family(l, "shopspring/decimal", func() shopspring.Decimal { return shopspring.RequireFromString("-1.25") },
		func() shopspring.Decimal { return shopspring.RequireFromString("1.25") }, shopspring.Decimal.String)
	family(l, "apd", func() apd.Decimal { return *apd.New(-5, 0) }, func() apd.Decimal { return *apd.New(5, 0) }, func(d apd.Decimal) string { return d.String() })
	family(l, "apd, large", func() apd.Decimal {
		return *must2(apd.NewFromString("-123456789012345678901234567890123456789012345678901234567890"))
	},
		func() apd.Decimal { return *apd.New(5, 0) }, func(d apd.Decimal) string { return d.String() })
	family(l, "govalues/decimal", values(decimal.MustParse("1.25")), values(decimal.MustParse("1.26")), decimal.Decimal.String)
	family(l, "uint256", func() uint256.Int { return *uint256.NewInt(1) }, func() uint256.Int { return *uint256.NewInt(2) }, func(i uint256.Int) string { return i.Dec() })
	family(l, "go-money", func() money.Money { return *money.New(1, "EUR") }, func() money.Money { return *money.New(2, "EUR") }, func(m money.Money) string { return m.Display() })
	family(l, "bojanz/currency", func() currency.Amount { return must(currency.NewAmount("1.5", "EUR")) }, func() currency.Amount { return must(currency.NewAmount("-1.5", "EUR")) }, currency.Amount.String)

	family(l, "google/uuid", values(uuid.UUID{1}), values(uuid.UUID{2}), uuid.UUID.String)
	family(l, "gofrs/uuid", values(gofrs.UUID{1}), values(gofrs.UUID{2}), gofrs.UUID.String)
	family(l, "ulid", values(ulid.ULID{1}), values(ulid.ULID{2}), ulid.ULID.String)
	family(l, "ksuid", values(ksuid.KSUID{1}), values(ksuid.KSUID{2}), ksuid.KSUID.String)
	family(l, "xid", values(xid.ID{1}), values(xid.ID{2}), xid.ID.String)
	family(l, "mongo ObjectID", values(bson.ObjectID{1}), values(bson.ObjectID{2}), bson.ObjectID.String)
	family(l, "mongo document", func() bson.D { return bson.D{{Key: "a", Value: bson.A{1}}} }, func() bson.D { return bson.D{{Key: "a", Value: bson.A{2}}} }, sprint)

	family(l, "civil.Date", values(civil.Date{Year: 1}), values(civil.Date{Year: 2}), civil.Date.String)
	family(l, "null.String", values(null.StringFrom("a")), values(null.StringFrom("b")), sprint)
	family(l, "gorm.DeletedAt", values(gorm.DeletedAt{Time: time.Unix(1, 0)}), values(gorm.DeletedAt{Valid: true}), sprint)
	family(l, "gorm.Model", values(gorm.Model{ID: 1}), values(gorm.Model{ID: 2}), sprint)
	family(l, "gorm.DB", func() *gorm.DB { return new(gorm.DB) }, func() *gorm.DB { return new(gorm.DB) }, opaque)
	family(l, "pgtype.Numeric", func() pgtype.Numeric { return pgtype.Numeric{Int: big.NewInt(1), Valid: true} },
		func() pgtype.Numeric { return pgtype.Numeric{Int: big.NewInt(2), Valid: true} }, func(n pgtype.Numeric) string { return n.Int.String() })
	family(l, "pgtype.Timestamptz", values(pgtype.Timestamptz{Valid: true}), values(pgtype.Timestamptz{}), sprint)
	family(l, "jwt.RegisteredClaims", func() jwt.RegisteredClaims {
		return jwt.RegisteredClaims{Subject: "a", Audience: []string{"x"}, ExpiresAt: jwt.NewNumericDate(time.Unix(1, 0))}
	},
		func() jwt.RegisteredClaims { return jwt.RegisteredClaims{Subject: "b"} }, func(c jwt.RegisteredClaims) string { return c.Subject + fmt.Sprint(c.Audience, c.ExpiresAt) })
	family(l, "jwt.MapClaims", func() jwt.MapClaims { return jwt.MapClaims{"a": []any{1}} }, func() jwt.MapClaims { return jwt.MapClaims{"a": []any{2}} }, sprint)
	family(l, "language.Tag", values(language.MustParse("de-CH-u-co-phonebk")), values(language.MustParse("de-CH")), language.Tag.String)
	family(l, "semver", func() *semver.Version { return semver.MustParse("1.2.3-a") }, func() *semver.Version { return semver.MustParse("1.2.4") }, func(v *semver.Version) string { return v.String() })
	family(l, "go-version", func() *version.Version { return version.Must(version.NewVersion("1.2.3")) }, func() *version.Version { return version.Must(version.NewVersion("1.2.4")) },
		func(v *version.Version) string { return v.String() })

	family(l, "roaring", func() *roaring.Bitmap { return roaring.BitmapOf(1, 2, 70000) }, func() *roaring.Bitmap { return roaring.BitmapOf(1, 3) }, func(b *roaring.Bitmap) string { return b.String() })
	family(l, "bitset", func() *bitset.BitSet { return new(bitset.BitSet).Set(7) }, func() *bitset.BitSet { return new(bitset.BitSet).Set(8) }, func(b *bitset.BitSet) string { return b.String() })
	family(l, "bloom", func() *bloom.BloomFilter { return bloom.New(100, 3).AddString("a") }, func() *bloom.BloomFilter { return bloom.New(100, 3).AddString("b") },
		func(b *bloom.BloomFilter) string { return fmt.Sprint(b.TestString("a"), b.TestString("b")) })
	family(l, "mapset", func() mapset.Set[*visitor] { return mapset.NewSet(&visitor{Name: "a"}) }, func() mapset.Set[*visitor] { return mapset.NewSet(&visitor{Name: "b"}) }, opaque)
	family(l, "btree", func() *btree.BTreeG[int] { return tree(1) }, func() *btree.BTreeG[int] { return tree(2) }, opaque)
	family(l, "linkedhashmap", func() *linkedhashmap.Map { return linkedhashmap.New() }, func() *linkedhashmap.Map { m := linkedhashmap.New(); m.Put(1, 1); return m }, opaque)
	family(l, "elliotchance/orderedmap", func() *elliott.OrderedMap[string, int] { return elliott.NewOrderedMap[string, int]() },
		func() *elliott.OrderedMap[string, int] {
			m := elliott.NewOrderedMap[string, int]()
			m.Set("a", 1)
			return m
		}, opaque)
	family(l, "iancoleman/orderedmap", func() *iancoleman.OrderedMap { m := iancoleman.New(); m.Set("a", []int{1}); return m },
		func() *iancoleman.OrderedMap { m := iancoleman.New(); m.Set("a", []int{2}); return m }, func(m *iancoleman.OrderedMap) string { v, _ := m.Get("a"); return fmt.Sprint(m.Keys(), v) })
	family(l, "wk8/go-ordered-map", func() *wk8.OrderedMap[string, int] { m := wk8.New[string, int](); m.Set("a", 1); return m },
		func() *wk8.OrderedMap[string, int] { m := wk8.New[string, int](); m.Set("a", 2); return m }, opaque)
	family(l, "generic-list-go", func() *glist.List[int] { x := glist.New[int](); x.PushBack(1); return x },
		func() *glist.List[int] { x := glist.New[int](); x.PushBack(2); return x }, opaque)
	family(l, "mo.Option of int", values(mo.Some(1)), values(mo.None[int]()), sprint)
	family(l, "mo.Option of a struct", func() mo.Option[*visitor] { return mo.Some(&visitor{"a", []string{"x"}}) }, func() mo.Option[*visitor] { return mo.Some(&visitor{"b", nil}) },
		func(o mo.Option[*visitor]) string { return sprint(*o.MustGet()) })

	family(l, "orb.Polygon", func() orb.Polygon { return orb.Polygon{{{1, 2}, {3, 4}}} }, func() orb.Polygon { return orb.Polygon{{{1, 2}, {3, 5}}} }, sprint)
	family(l, "gjson.Result", values(gjson.Parse(`{"a":1}`)), values(gjson.Parse(`{"a":2}`)), gjson.Result.String)
	family(l, "fastjson.Value", func() *fastjson.Value { return fastjson.MustParse(`{"a":1}`) }, func() *fastjson.Value { return fastjson.MustParse(`{"a":2}`) }, func(v *fastjson.Value) string { return v.String() })
	family(l, "yaml.Node", func() yaml.Node { return node("a: [1, &x 2, *x]") }, func() yaml.Node { return node("a: [1, 3]") }, func(n yaml.Node) string {
		var b bytes.Buffer
		_ = yaml.NewEncoder(&b).Encode(&n)
		return b.String()
	})
	family(l, "zap.Field", func() zap.Field { return zap.Strings("a", []string{"x"}) }, func() zap.Field { return zap.String("a", "y") }, sprint)

	message := func(name string) func() *structpb.Struct {
		return func() *structpb.Struct {
			return must(structpb.NewStruct(map[string]any{"name": name, "deep": map[string]any{"list": []any{1, "x"}}}))
		}
	}
	family(l, "structpb", message("a"), message("b"), func(m *structpb.Struct) string {
		return fmt.Sprint(proto.Equal(m, message("a")()), proto.Equal(m, message("b")()))
	})
	family(l, "proto.Message", func() proto.Message { return message("a")() }, func() proto.Message { return timestamppb.New(time.Unix(1, 0)) },
		func(m proto.Message) string { return fmt.Sprint(proto.Equal(m, message("a")())) })
	family(l, "timestamppb", func() *timestamppb.Timestamp { return timestamppb.New(time.Unix(1, 5)) }, func() *timestamppb.Timestamp { return timestamppb.New(time.Unix(1, 6)) },
		func(m *timestamppb.Timestamp) string { return m.AsTime().String() })
}

func must2[T, U any](v T, _ U, err error) T { return must(v, err) }

func tree(v int) *btree.BTreeG[int] {
	t := btree.NewG(2, func(a, b int) bool { return a < b })
	t.ReplaceOrInsert(v)
	return t
}

func node(text string) (n yaml.Node) {
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		panic(err)
	}
	return n
}
