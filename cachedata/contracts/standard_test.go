package contracts

import (
	"bufio"
	"bytes"
	"container/list"
	"container/ring"
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"html/template"
	"image"
	"io/fs"
	"log/slog"
	"math/big"
	"mime/multipart"
	"net"
	"net/http"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"time"
	"unique"
	"weak"
)

//go:embed doc.go
var files embed.FS

func values[T any](v T) func() T { return func() T { return v } }

func sprint[T any](v T) string { return fmt.Sprintf("%+v", v) }

func opaque[T any](T) string { return "" }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

type visitor struct {
	Name string
	Tags []string
}

type stamp time.Time

type logged slog.Value

func standardShapes(l *laws) {
	// slog
	for _, v := range []struct {
		name string
		a, b func() slog.Value
	}{
		{"string", func() slog.Value { return slog.StringValue("team:7") }, func() slog.Value { return slog.StringValue("team:9") }},
		{"int", func() slog.Value { return slog.IntValue(1) }, func() slog.Value { return slog.IntValue(2) }},
		{"time", func() slog.Value { return slog.TimeValue(time.Unix(1, 0)) }, func() slog.Value { return slog.TimeValue(time.Unix(2, 0)) }},
		{
			"group", func() slog.Value { return slog.GroupValue(slog.String("a", "xyz"), slog.Any("v", &visitor{Name: "a"})) },
			func() slog.Value { return slog.GroupValue(slog.String("a", "xyy")) },
		},
		{"empty group", func() slog.Value { return slog.GroupValue() }, func() slog.Value { return slog.GroupValue(slog.Int("a", 1)) }},
		{"any", func() slog.Value { return slog.AnyValue(&visitor{"a", []string{"x"}}) }, func() slog.Value { return slog.AnyValue(&visitor{"b", nil}) }},
	} {
		shown := func(v slog.Value) string {
			if held, ok := v.Any().(*visitor); ok {
				return sprint(*held)
			}
			if v.Kind() == slog.KindGroup && len(v.Group()) == 2 {
				return v.Group()[0].String() + sprint(*v.Group()[1].Value.Any().(*visitor))
			}
			return v.String()
		}
		family(l, "slog.Value of "+v.name, v.a, v.b, shown)
	}
	family(l, "slog.Attr", func() slog.Attr { return slog.String("k", "one") }, func() slog.Attr { return slog.String("k", "two") }, slog.Attr.String)
	record := func(text string) func() slog.Record {
		return func() slog.Record {
			r := slog.NewRecord(time.Unix(1, 0), slog.LevelInfo, text, 0)
			for i := range 9 {
				r.AddAttrs(slog.String("k", strings.Repeat(text, i)), slog.Any("v", []string{text}))
			}
			return r
		}
	}
	family(l, "slog.Record", record("a"), record("b"), func(r slog.Record) string {
		s := r.Message
		r.Attrs(func(a slog.Attr) bool { s += a.String(); return true })
		return s
	})
	family(l, "defined from slog.Value", func() logged { return logged(slog.StringValue("team:7")) }, func() logged { return logged(slog.StringValue("team:9")) }, opaque)

	// numbers, text, time
	family(l, "big.Int", func() big.Int { return *big.NewInt(-5) }, func() big.Int { return *big.NewInt(5) }, func(v big.Int) string { return v.String() })
	family(l, "big.Rat", func() big.Rat { return *big.NewRat(1, 3) }, func() big.Rat { return *big.NewRat(-1, 3) }, func(v big.Rat) string { return v.String() })
	family(l, "big.Float", func() big.Float { return *big.NewFloat(1.5) }, func() big.Float { return *big.NewFloat(-1.5) }, func(v big.Float) string { return v.String() })
	family(l, "bytes.Buffer", func() bytes.Buffer { return *bytes.NewBufferString("one") }, func() bytes.Buffer { return *bytes.NewBufferString("two") },
		func(b bytes.Buffer) string { return b.String() })
	family(l, "bytes.Reader", func() bytes.Reader { return *bytes.NewReader([]byte("one")) }, func() bytes.Reader { return *bytes.NewReader([]byte("two")) },
		func(b bytes.Reader) string { return sprint(b) })
	builder := func(text string) func() *strings.Builder {
		return func() *strings.Builder {
			var b strings.Builder
			b.WriteString(text)
			return &b
		}
	}
	family(l, "*strings.Builder", builder("one"), builder("two"), func(b *strings.Builder) string { return b.String() })
	family(l, "time.Time", values(time.Unix(1, 0)), values(time.Unix(2, 0)), time.Time.String)
	family(l, "defined from time.Time", values(stamp(time.Unix(1, 0))), values(stamp(time.Unix(2, 0))), func(s stamp) string { return time.Time(s).String() })
	family(l, "*time.Location", values(time.UTC), values(time.FixedZone("X", 60)), func(z *time.Location) string { return fmt.Sprintf("%p", z) })
	family(l, "regexp.Regexp", func() regexp.Regexp { return *regexp.MustCompile("a+") }, func() regexp.Regexp { return *regexp.MustCompile("b+") },
		func(r regexp.Regexp) string { return r.FindString("caab") })
	family(l, "strings.Replacer", func() *strings.Replacer { return strings.NewReplacer("a", "b") }, func() *strings.Replacer { return strings.NewReplacer("a", "c") },
		func(r *strings.Replacer) string { return r.Replace("aha") })
	family(l, "template.Template", values(template.Must(template.New("a").Parse("a"))), values(template.Must(template.New("b").Parse("b"))), opaque)
	family(l, "json.RawMessage", func() json.RawMessage { return json.RawMessage("{}") }, func() json.RawMessage { return json.RawMessage("[]") }, sprint)

	// containers
	family(l, "list.List", func() list.List { return *listOf(1) }, func() list.List { return *listOf(2) }, opaque)
	family(l, "list.Element", func() list.Element { return *listOf(1).Front() }, func() list.Element { return *listOf(2).Front() }, opaque)
	family(l, "ring.Ring", func() *ring.Ring { return ringOf(1, 2, 3) }, func() *ring.Ring { return ringOf(1, 2, 4) }, func(r *ring.Ring) (s string) {
		r.Do(func(v any) { s += fmt.Sprint(v) })
		return s
	})
	family(l, "sync.Map", func() *sync.Map { return new(sync.Map) }, func() *sync.Map { return new(sync.Map) }, opaque)
	family(l, "unique.Handle", func() unique.Handle[string] { return unique.Make("a") }, func() unique.Handle[string] { return unique.Make("b") },
		func(h unique.Handle[string]) string { return h.Value() })
	family(l, "weak.Pointer", func() weak.Pointer[int] { return weak.Make(new(1)) }, func() weak.Pointer[int] { return weak.Make(new(2)) }, opaque)
	family(l, "reflect.Value", values(reflect.ValueOf("team:7")), values(reflect.ValueOf("team:9")), opaque)
	family(l, "reflect.Type", values(reflect.TypeFor[int]()), values(reflect.TypeFor[string]()), reflect.Type.String)
	family(l, "maphash.Hash", func() maphash.Hash { return maphash.Hash{} }, func() (h maphash.Hash) { h.WriteByte(1); return h }, opaque)
	family(l, "errors.New", values(errors.New("a")), values(errors.New("b")), error.Error)
	family(l, "context.Context", values(context.Background()), values(context.TODO()), opaque)

	// net and http
	family(l, "url.URL", func() *url.URL { return must(url.Parse("https://u:p@h/p?q")) }, func() *url.URL { return must(url.Parse("https://u:x@h/p?q")) },
		func(u *url.URL) string { return u.String() })
	family(l, "url.Userinfo", func() url.Userinfo { return *url.UserPassword("u", "p") }, func() url.Userinfo { return *url.User("u") }, func(u url.Userinfo) string { return u.String() })
	family(l, "netip.Addr", values(netip.MustParseAddr("fe80::1%eth0")), values(netip.MustParseAddr("fe80::1%eth1")), netip.Addr.String)
	family(l, "netip.AddrPort", values(netip.MustParseAddrPort("[fe80::1%eth0]:80")), values(netip.MustParseAddrPort("[fe80::1%eth0]:81")), netip.AddrPort.String)
	family(l, "netip.Prefix", values(netip.MustParsePrefix("10.0.0.0/8")), values(netip.MustParsePrefix("10.0.0.0/9")), netip.Prefix.String)
	family(l, "net.IPNet", func() net.IPNet { return net.IPNet{IP: net.IPv4(1, 2, 3, 4), Mask: net.CIDRMask(8, 32)} },
		func() net.IPNet { return net.IPNet{IP: net.IPv4(1, 2, 3, 5), Mask: net.CIDRMask(8, 32)} }, func(n net.IPNet) string { return n.String() })
	family(l, "net.Resolver", func() *net.Resolver { return new(net.Resolver) }, func() *net.Resolver { return new(net.Resolver) }, opaque)
	family(l, "http.Header", func() http.Header { return http.Header{"A": {"1"}} }, func() http.Header { return http.Header{"A": {"2"}} }, sprint)
	family(l, "http.Cookie", func() http.Cookie { return http.Cookie{Name: "a"} }, func() http.Cookie { return http.Cookie{Name: "b"} }, func(c http.Cookie) string { return c.String() })
	family(l, "http.Request", func() *http.Request { return must(http.NewRequest(http.MethodGet, "/a", nil)) }, func() *http.Request { return must(http.NewRequest(http.MethodGet, "/b", nil)) }, opaque)
	family(l, "http.Response", func() *http.Response { return new(http.Response) }, func() *http.Response { return &http.Response{Status: "x"} }, opaque)
	family(l, "http.Client", func() *http.Client { return new(http.Client) }, func() *http.Client { return &http.Client{Timeout: 1} }, opaque)
	family(l, "http.Transport", func() *http.Transport { return new(http.Transport) }, func() *http.Transport { return new(http.Transport) }, opaque)
	family(l, "multipart.FileHeader", func() multipart.FileHeader { return multipart.FileHeader{Filename: "a"} },
		func() multipart.FileHeader { return multipart.FileHeader{Filename: "b"} }, sprint)
	family(l, "mail.Address", values(mail.Address{Name: "a"}), values(mail.Address{Name: "b"}), sprint)
	family(l, "bufio.Reader", func() *bufio.Reader { return bufio.NewReader(strings.NewReader("a")) }, func() *bufio.Reader { return bufio.NewReader(strings.NewReader("b")) }, opaque)

	// crypto
	ec, rs := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), must(rsa.GenerateKey(rand.Reader, 2048))
	ec2, rs2 := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), must(rsa.GenerateKey(rand.Reader, 2048))
	family(l, "ecdsa.PublicKey", values(ec.PublicKey), values(ec2.PublicKey), func(k ecdsa.PublicKey) string {
		return fmt.Sprint(k.Equal(&ec.PublicKey), k.Equal(&ec2.PublicKey), k.Curve == elliptic.P256())
	})
	//lint:ignore SA1019 coordinates alone, since the curve is what differs
	family(l, "ecdsa.PublicKey of another curve", values(ecdsa.PublicKey{Curve: elliptic.P384(), X: ec.X, Y: ec.Y}), values(ecdsa.PublicKey{Curve: elliptic.P521(), X: ec.X, Y: ec.Y}),
		func(k ecdsa.PublicKey) string { return k.Curve.Params().Name })
	family(l, "rsa.PublicKey", values(rs.PublicKey), values(rs2.PublicKey), func(k rsa.PublicKey) string { return sprint(k) })
	family(l, "rsa.PrivateKey", values(*rs), values(*rs2), func(k rsa.PrivateKey) string { return fmt.Sprint(k.Equal(rs), k.Equal(rs2), k.Validate()) })
	family(l, "ecdh.PublicKey", values(must(ec.PublicKey.ECDH())), values(must(ec2.PublicKey.ECDH())), func(k *ecdh.PublicKey) string { return sprint(k.Bytes()) })
	certificate := func(key any) func() x509.Certificate {
		return func() x509.Certificate {
			return x509.Certificate{Raw: []byte("raw"), PublicKey: key, SerialNumber: big.NewInt(7), URIs: []*url.URL{{Host: "h"}}}
		}
	}
	shown := func(c x509.Certificate) string { return fmt.Sprintf("%s %T %v", c.Raw, c.PublicKey, c.SerialNumber) }
	family(l, "x509.Certificate of ECDSA", certificate(&ec.PublicKey), certificate(&ec2.PublicKey), shown)
	family(l, "x509.Certificate of RSA", certificate(&rs.PublicKey), certificate(&rs2.PublicKey), shown)
	family(l, "x509.CertPool", func() *x509.CertPool { return x509.NewCertPool() }, func() *x509.CertPool { return x509.NewCertPool() }, opaque)
	family(l, "tls.Config", func() *tls.Config { return &tls.Config{ServerName: "a"} }, func() *tls.Config { return &tls.Config{ServerName: "b"} }, opaque)
	family(l, "tls.ConnectionState", func() tls.ConnectionState { return tls.ConnectionState{Version: 1} }, func() tls.ConnectionState { return tls.ConnectionState{Version: 2} }, opaque)
	family(l, "sha256.Hash", func() any { return sha256.New() }, func() any { h := sha256.New(); h.Write([]byte{1}); return h }, opaque)

	// files, images, databases
	family(l, "embed.FS", values(files), values(embed.FS{}), func(f embed.FS) string { _, err := f.Open("doc.go"); return fmt.Sprint(err) })
	family(l, "fs.DirEntry", values(must(os.ReadDir("."))[0]), values(must(os.ReadDir("."))[1]), fs.DirEntry.Name)
	family(l, "fs.FileInfo", func() fs.FileInfo { return must(os.Stat("go.mod")) }, func() fs.FileInfo { return must(os.Stat("go.sum")) }, fs.FileInfo.Name)
	family(l, "os.File", func() *os.File { return os.Stdin }, func() *os.File { return os.Stdout }, opaque)
	family(l, "image.RGBA", func() image.RGBA { return *image.NewRGBA(image.Rect(0, 0, 2, 2)) }, func() image.RGBA { return *image.NewRGBA(image.Rect(0, 0, 3, 2)) }, sprint)
	family(l, "sql.NullString", values(sql.NullString{String: "a"}), values(sql.NullString{String: "b"}), sprint)
	family(l, "sql.DB", func() *sql.DB { return new(sql.DB) }, func() *sql.DB { return new(sql.DB) }, opaque)
}

func listOf(v any) *list.List {
	l := list.New()
	l.PushBack(v)
	return l
}

func ringOf(vs ...any) *ring.Ring {
	r := ring.New(len(vs))
	for _, v := range vs {
		r.Value = v
		r = r.Next()
	}
	return r
}
