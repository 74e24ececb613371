package sessionstate_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/storetest"
)

func TestASVS11_3_2_CookiesTellNothing(t *testing.T) {
	t.Parallel()
	a := newApp(t, sessionstate.Config{})
	secret := sessionstate.NewKey("MARKERKEY", sessionstate.KeyConfig[string]{})
	a.handle("/", func(c echo.Context, s *sessionstate.State) error {
		if err := secret.Set(s, "MARKERVALUE"); err != nil {
			return err
		}
		if err := s.Flash("info", "MARKERFLASH"); err != nil {
			return err
		}
		return c.NoContent(204)
	})
	one, two := a.visitor(), a.visitor()
	one.get(t, "/")
	two.get(t, "/")
	for name, value := range one.jar {
		raw, err := base64.RawURLEncoding.DecodeString(value)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(raw, []byte("MARKER")) {
			t.Errorf("cookie %s shows its content", name)
		}
		if value == two.jar[name] {
			t.Errorf("cookie %s: the same data gives the same cookie", name)
		}
	}
}

func TestKeysRotate(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		with := func(s ...sessionstate.Secret) *app {
			cfg.Secrets = s
			return newVisit(t, cfg)
		}
		before, during, after := with(key1), with(key2, key1), with(key2)
		v := before.visitor()
		v.get(t, "/incr")
		v.a = during
		r := v.get(t, "/")
		r.wants(t, 200, "1")
		if r.setCookies("__Host-id") != 1 {
			t.Fatal("a cookie of the old key is not sealed again")
		}
		if v.get(t, "/").setCookies("__Host-id") != 0 {
			t.Error("a cookie of the new key is sealed again")
		}
		v.a = after
		v.get(t, "/").wants(t, 200, "1")

		w := before.visitor()
		w.get(t, "/incr")
		w.a = after // the old key is gone
		w.get(t, "/").wants(t, 200, "0")
	})
}

func TestWeakSecretsAreRefusedAllTogether(t *testing.T) {
	t.Parallel()
	same := key1.Key
	_, err := sessionstate.New(sessionstate.Config{Secrets: []sessionstate.Secret{
		{ID: "good", Key: same},
		{ID: "short", Key: same[:31]},
		{ID: "zero", Key: make([]byte, 32)},
		{ID: "", Key: key1.Key[1:]},
		{ID: "good", Key: key2.Key},
		{ID: "again", Key: same},
	}})
	if err == nil {
		t.Fatal("New takes weak secrets")
	}
	for _, want := range []string{
		"[1]", "31 bytes", "[2]", "all bytes of the key are the same", "[3]", "ID is empty", "[4]", "the ID is that of Secrets[0]", "[5]", "the key is that of Secrets[0]",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), string(same[:16])) {
		t.Error("the error shows a key")
	}
}

// The cookie carries one byte of a digest of the ID.
func TestKeysWhoseIDsShareADigestAreTriedInTurn(t *testing.T) {
	t.Parallel()
	digest := func(id string) byte { return sha256.Sum256([]byte("sessionstate/kid/" + id))[0] }
	same := sessionstate.Secret{Key: key2.Key}
	for i := 0; same.ID == "" || digest(same.ID) != digest(key1.ID); i++ {
		same.ID = fmt.Sprint("k", i)
	}
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		for _, secrets := range [][]sessionstate.Secret{{same, key1}, {key1, same}} {
			before, during := cfg, cfg
			before.Secrets, during.Secrets = []sessionstate.Secret{key1}, secrets
			v := newVisit(t, before).visitor()
			v.get(t, "/incr")
			first := v.cookie()
			v.a = newVisit(t, during)
			v.get(t, "/incr").wants(t, 200, "2")
			v.get(t, "/incr").wants(t, 200, "3")
			for _, cookie := range []string{first, v.cookie()} {
				raw, err := base64.RawURLEncoding.DecodeString(cookie)
				if err != nil || raw[1] != digest(key1.ID) {
					t.Errorf("the keys %v do not share a digest: %v", secrets, err)
				}
			}
		}
	})
}

func TestTypedKeysAreRefused(t *testing.T) {
	t.Parallel()
	// Always the same: of ten million random keys one is refused, since it contains such a word.
	drawn := rand.NewChaCha8([32]byte{})
	random := func(n int) []byte {
		b := make([]byte, n)
		_, _ = drawn.Read(b) // never fails
		return b
	}
	for what, key := range map[string][]byte{
		"a word, repeated":        []byte("changemechangemechangemechangeme"),
		"a word, then zeros":      append([]byte("changeme"), make([]byte, 24)...),
		"a word, then dots":       []byte("changeme........................"),
		"a word in other letters": []byte("Change-Me_Please-In-Production-1234"),
		"a password":              []byte("MyP4ssw0rd-isPassword-123-123-123"),
		"a pattern, cut":          []byte("abcabcabcabcabcabcabcabcabcabcabcab"),
		"a pattern, twice":        []byte("0123456789abcdef0123456789abcdef"),
		"the alphabet":            []byte("abcdefghijklmnopqrstuvwxyz012345"),
		"the alphabet, twice":     []byte("zyxwvutsrqponmlkjihgfedcbazyxwvutsrqponmlkjihgfedcba"),
		"few different bytes":     []byte("aaaaaaaaaabbbbbbbbbbbbbcccccccccccccccdddddd"),
		"a phrase":                []byte("the quick brown fox jumps over it"),
		"a secret":                []byte("supersecretkeyforthewholeoftheapp"),
	} {
		_, err := sessionstate.New(sessionstate.Config{Secrets: []sessionstate.Secret{{ID: "one", Key: key}}})
		switch {
		case err == nil:
			t.Errorf("%s: New takes the key", what)
		case !strings.Contains(err.Error(), "crypto/rand") || strings.Contains(err.Error(), string(key)):
			t.Errorf("%s: %v", what, err)
		}
		file := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(file, []byte("one "+base64.RawURLEncoding.EncodeToString(key)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := sessionstate.SecretFile(file); err == nil {
			t.Errorf("%s: SecretFile takes the key", what)
		}
	}
	for range 500 { // in every usual spelling
		for what, key := range map[string][]byte{
			"raw": random(32), "long": random(64), "hex": []byte(hex.EncodeToString(random(16))), "base64": []byte(base64.StdEncoding.EncodeToString(random(24))),
			"base64url": []byte(base64.RawURLEncoding.EncodeToString(random(32))), "base32": []byte(base32.StdEncoding.EncodeToString(random(30))),
		} {
			if _, err := sessionstate.New(sessionstate.Config{Secrets: []sessionstate.Secret{{ID: "one", Key: key}}, Store: refusedLater{}}); err == nil || strings.Contains(err.Error(), "Secrets") {
				t.Fatalf("a random key, %s: %v", what, err)
			}
		}
	}
}

// refusedLater is a store that New refuses, so that nothing has to be closed.
type refusedLater struct{ store.Store }

func TestSecretFilesOfOtherUsersAreRefused(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file to somebody else")
	}
	file := filepath.Join(t.TempDir(), "secret")
	if _, err := sessionstate.SecretFile(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(file, 12345, -1); err != nil {
		t.Fatal(err)
	}
	_, err := sessionstate.SecretFile(file)
	if err == nil || !strings.Contains(err.Error(), "12345") || !strings.Contains(err.Error(), "chown") {
		t.Errorf("the file of another user: %v", err)
	}
	if err := os.Chown(file, 0, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := sessionstate.SecretFile(file); err != nil {
		t.Errorf("after chown: %v", err)
	}
}

func TestARandomSecretIsNoticed(t *testing.T) {
	t.Parallel()
	rec := new(observe.Recorder)
	m := newManager(t, sessionstate.Config{Observer: rec})
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	notices := observe.Of[observe.Notice](rec)
	if len(notices) != 1 || !strings.Contains(notices[0].Text, "Secrets") {
		t.Errorf("notices = %q, want one of the secrets", notices)
	}
	quiet := new(observe.Recorder)
	m = newManager(t, sessionstate.Config{Observer: quiet, Secrets: []sessionstate.Secret{key1}, Store: newMem(t)})
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := quiet.Events(); len(got) != 0 {
		t.Errorf("a complete config is noticed: %v", got)
	}
}

func TestASVS14_3_3_CookieModeAlwaysEncrypts(t *testing.T) {
	t.Parallel()
	m := newManager(t, sessionstate.Config{})
	e := echo.New()
	e.Use(echov4.Use(m))
	a := &app{Echo: e, m: m}
	a.handle("/", func(c echo.Context, s *sessionstate.State) error {
		if err := name.Set(s, "MARKER"); err != nil {
			return err
		}
		return c.NoContent(204)
	})
	v := a.visitor()
	v.get(t, "/")
	raw, err := base64.RawURLEncoding.DecodeString(v.cookie())
	if err != nil || len(raw) == 0 || bytes.Contains(raw, []byte("MARKER")) {
		t.Errorf("without a config the cookie is %q (%v)", v.cookie(), err)
	}
}

func TestASVS16_2_5_EventsAndErrorsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cookie", "memstore"} {
		var logged bytes.Buffer
		faulty := storetest.Faulty(newMem(t))
		cfg := sessionstate.Config{Observer: observe.Slog(slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})))}
		if mode == "cookie" {
			cfg.CookieMode.Revocations = faulty
		} else {
			cfg.Store = faulty
		}
		a := newVisit(t, cfg)
		a.handle("/value", func(c echo.Context, s *sessionstate.State) error {
			return sessionstate.Plant(s, "number", "MARKERVALUE")
		})
		number := sessionstate.NewKey("number", sessionstate.KeyConfig[int]{})
		a.handle("/wrong", func(c echo.Context, s *sessionstate.State) error {
			_ = number.Get(s)
			return c.NoContent(204)
		})
		v := a.visitor()
		var cookies []string
		visit := func(paths ...string) {
			for _, path := range paths {
				r := v.get(t, path)
				logged.WriteString(r.body)
				if v.cookie() != "" {
					cookies = append(cookies, v.cookie())
				}
			}
		}
		visit("/value", "/wrong", "/login", "/renew", "/incr")
		copied := v.clone()
		visit("/logout")
		copied.get(t, "/")
		refusedAsNew(t, a, v.cookie()+"x", mode)
		visit("/incr")
		faulty.Inject(storetest.Fault{Times: -1})
		visit("/", "/incr", "/logout")
		if !strings.Contains(logged.String(), "session.value") || !strings.Contains(logged.String(), "store.failure") {
			t.Fatalf("%s: events are missing:\n%s", mode, logged.String())
		}
		if strings.Contains(logged.String(), "MARKERVALUE") {
			t.Errorf("%s: a value was logged:\n%s", mode, logged.String())
		}
		for _, c := range cookies {
			if strings.Contains(logged.String(), c[:16]) {
				t.Errorf("%s: a cookie was logged", mode)
			}
		}
		for _, call := range faulty.Calls() {
			for _, key := range call.Keys {
				digest := key[strings.LastIndexByte(key, '/')+1:]
				if len(digest) > 20 && strings.Contains(logged.String(), digest) { // a shorter one is the number of a page
					t.Errorf("%s: a store's key was logged whole", mode)
				}
			}
		}
	}
}

func TestTheStoreHoldsNoUsableID(t *testing.T) {
	t.Parallel()
	mem := newMem(t)
	a := newVisit(t, sessionstate.Config{Store: mem})
	v := a.visitor()
	v.get(t, "/login")
	v.get(t, "/incr")
	entries := 0
	for e, err := range mem.Scan(context.Background(), "") {
		if err != nil {
			t.Fatal(err)
		}
		entries++
		digest := e.Key[strings.LastIndexByte(e.Key, '/')+1:]
		for _, value := range []string{e.Key, digest, string(e.Value), base64.RawURLEncoding.EncodeToString(e.Value)} {
			if strings.Contains(v.cookie(), value) {
				t.Errorf("the cookie holds %q of the store", value)
			}
			w := a.visitor()
			r := w.request("/who")
			r.Header["Cookie"] = []string{"__Host-id=" + value}
			w.do(t, r).wants(t, 200, "0")
		}
	}
	if entries == 0 {
		t.Fatal("the store is empty")
	}
}

func TestSecretsDoNotPrintTheirKeys(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	list := []sessionstate.Secret{key1}
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "secret", key1, "list", list)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "secret", key1, "list", list, "pointer", &key1)
	if err := json.NewEncoder(&b).Encode(list); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&b, verb+" "+verb+" "+verb+"\n", key1, &key1, list)
	}
	numbers := fmt.Sprintf("%d", key1.Key)
	for _, form := range []string{
		string(key1.Key), numbers[1 : len(numbers)-1], fmt.Sprintf("%x", key1.Key), base64.StdEncoding.EncodeToString(key1.Key),
	} {
		if strings.Contains(b.String(), form) {
			t.Errorf("a secret is shown as %s: %s", form, b.String())
		}
	}
}
