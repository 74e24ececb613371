package sessionstate_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/sessionstate/gorillastate"
	"github.com/reecho-go/reecho/store"
)

// plain is a store that can do nothing more.
type plain struct{ inner store.Store }

func (p plain) Get(ctx context.Context, key string) (store.Item, error) { return p.inner.Get(ctx, key) }

func (p plain) Put(ctx context.Context, key string, it store.Item) error {
	return p.inner.Put(ctx, key, it)
}
func (p plain) Delete(ctx context.Context, key string) error { return p.inner.Delete(ctx, key) }

func TestNewReportsAllProblemsTogether(t *testing.T) {
	t.Parallel()
	_, err := sessionstate.New(sessionstate.Config{
		Secrets:    []sessionstate.Secret{{ID: "x", Key: []byte("short")}},
		Store:      plain{newMem(t)},
		CookieMode: sessionstate.CookieModeConfig{Revocations: newMem(t), Spill: newMem(t), Foreign: gorillastate.TakeOver(nil, time.Time{})},
		Prefix:     strings.Repeat("x", 513),
		Lifetime:   sessionstate.LifetimeConfig{Idle: time.Millisecond, Absolute: time.Microsecond, Grace: -1},
		Cookie:     sessionstate.CookieConfig{Name: "a b", Domain: "not a domain;", Path: "x", SameSite: 9},
		Limits:     sessionstate.LimitConfig{Newcomers: -1, RefuseLogin: true},
		Failures:   sessionstate.FailureConfig{Timeout: -1},
		Hooks:      make([]sessionstate.Hook, 1),
	})
	if err == nil {
		t.Fatal("New takes everything")
	}
	for _, field := range []string{
		"Config.Secrets[0]", "Config.Store ", "store.Swapper", "Config.CookieMode.Revocations", "Config.Prefix", "Config.Lifetime.Idle", "Config.Lifetime.Absolute",
		"Config.Cookie.Name", "Config.Cookie.Domain", "Config.Cookie.Path", "Config.Cookie.SameSite", "Config.Lifetime.Grace", "Config.Limits.Newcomers", "Config.Failures.Timeout", "Config.Hooks[0]", "Config.CookieMode.Spill", "Config.CookieMode.Foreign is set", "Config.CookieMode.Foreign is incomplete", "Config.Limits.RefuseLogin",
	} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("the error does not name %s:\n%v", field, err)
		}
	}
	if _, err := sessionstate.New(sessionstate.Config{Lifetime: sessionstate.LifetimeConfig{Idle: 48 * time.Hour, Absolute: 24 * time.Hour}}); err == nil || !strings.Contains(err.Error(), "less than Lifetime.Idle") {
		t.Errorf("Idle above Absolute: %v", err)
	}
	if _, err := sessionstate.New(sessionstate.Config{Lifetime: sessionstate.LifetimeConfig{Idle: 48 * time.Hour}}); err != nil {
		t.Errorf("Idle above the default of Absolute: %v", err)
	}
}

func TestMustPanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("Must does not panic")
		}
	}()
	sessionstate.Must(sessionstate.New(sessionstate.Config{Prefix: strings.Repeat("x", 513)}))
}

// swapOnly is a store that cannot touch.
type swapOnly struct {
	plain
	store.Swapper
}

func TestAStoreThatCannotTouchIsWrittenInstead(t *testing.T) {
	t.Parallel()
	bubbles(t, func(t *testing.T, cfg sessionstate.Config) {
		if cfg.Store == nil {
			return
		}
		mem := newMem(t)
		cfg.Store = swapOnly{plain{mem}, mem}
		v := newVisit(t, cfg).visitor()
		v.get(t, "/incr")
		for range 10 {
			time.Sleep(29 * time.Minute)
			v.get(t, "/").wants(t, 200, "1")
		}
		time.Sleep(31 * time.Minute)
		v.get(t, "/").wants(t, 200, "0")
	})
}

func TestManagerWorksInAStackAndTwiceInAnApp(t *testing.T) {
	t.Parallel()
	one := newManager(t, sessionstate.Config{Secrets: []sessionstate.Secret{key1}})
	two := newManager(t, sessionstate.Config{Secrets: []sessionstate.Secret{key1}, Cookie: sessionstate.CookieConfig{Name: "__Host-two"}})
	a := &app{Echo: echo.New(), m: one}
	stack := middleware.Must(middleware.New(one))
	a.Use(echov4.Middleware(stack))
	inner := a.Group("/two", echov4.Use(two))
	inner.GET("/incr", func(c echo.Context) error { return incr(c, sessionstate.From(c)) })
	a.handle("/incr", incr)
	v := a.visitor()
	v.get(t, "/incr").wants(t, 200, "1")
	v.get(t, "/two/incr").wants(t, 200, "1")
	v.get(t, "/two/incr").wants(t, 200, "2")
	v.get(t, "/incr").wants(t, 200, "2")
	if err := stack.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := one.Close(t.Context()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestUntouchedRoutesAllocateNothingInTheManager(t *testing.T) {
	m := newManager(t, sessionstate.Config{Secrets: []sessionstate.Secret{key1}})
	e := echo.New()
	var allocs float64
	e.Use(echov4.Use(m))
	e.GET("/", func(c echo.Context) error {
		allocs = testing.AllocsPerRun(100, func() {
			if err := m.Begin(c); err != nil {
				t.Error(err)
			}
			if err := m.BeforeHeaders(c.Request().Context(), 200, http.Header{}); err != nil {
				t.Error(err)
			}
			if err := m.End(c, nil); err != nil {
				t.Error(err)
			}
		})
		return nil
	})
	(&app{Echo: e, m: m}).visitor().get(t, "/")
	if allocs != 0 {
		t.Errorf("Begin, BeforeHeaders and End allocate %v times, want 0", allocs)
	}
}

func TestSecretFileIsMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	const n = 20
	got := make([][]sessionstate.Secret, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			var err error
			if got[i], err = sessionstate.SecretFile(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, s := range got {
		if len(s) != 1 || len(s[0].Key) != 32 || !bytes.Equal(s[0].Key, got[0][0].Key) || s[0].ID == "" {
			t.Fatalf("not all have the one secret: %v", got)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, want 0600", info.Mode())
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("the folder holds %v (%v), want the secret alone", left, err)
	}
	newManager(t, sessionstate.Config{Secrets: got[0]})

	// rotate by a line in front
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fresh := "# rotated\n\nnext A6ENVqjYREKyMkg-B831tqcWg1HfXwtzQtnlEiWhk9o\n"
	if err := os.WriteFile(path, append([]byte(fresh), old...), 0o600); err != nil {
		t.Fatal(err)
	}
	secrets, err := sessionstate.SecretFile(path)
	if err != nil || len(secrets) != 2 || secrets[0].ID != "next" || !bytes.Equal(secrets[1].Key, got[0][0].Key) {
		t.Errorf("rotated secrets = %v, %v", secrets, err)
	}
}

func TestSecretFileRefusesWhatIsUnsafe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := "a _Ytk72m9wcLdXU_xdUe8IezoBruJvuvvwJYzZmNkVEM\n"
	tests := map[string]string{
		"mode 0644": write("loose", good, 0o644),
		"mode 0620": write("group", good, 0o620),
		"no key":    write("empty", "", 0o600),
		"line 1":    write("alone", "MARKER_Ytk72m9wcLdXU_xdUe8IezoBruJvuvvwJYzZmNkVEM\n", 0o600), // a key without an ID
		"line 2":    write("base64", good+"b !!MARKER!!\n", 0o600),
		"31 bytes":  write("short", "a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg\n", 0o600),
		"regular":   dir,
		"larger":    write("large", "#"+strings.Repeat("x", 1<<17), 0o600),
	}
	for want, path := range tests {
		if strings.HasPrefix(want, "mode") && runtime.GOOS == "windows" {
			continue
		}
		if want == "regular" {
			if err := os.Chmod(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		secrets, err := sessionstate.SecretFile(path)
		if err == nil || secrets != nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "MARKER") {
			t.Errorf("SecretFile(%s) = %v, %v, want an error that says %q", path, secrets, err, want)
		}
	}
	if _, err := sessionstate.SecretFile(filepath.Join(tests["no key"], "below")); err == nil || errors.Is(err, os.ErrExist) {
		t.Errorf("below a file: %v", err)
	}
	missing := filepath.Join(dir, "missing")
	if _, err := sessionstate.SecretFile(filepath.Join(missing, "deep", "secret")); err == nil || !strings.Contains(err.Error(), "does not exist: make it") {
		t.Errorf("below a missing folder: %v, want what to do", err)
	}
	if _, err := os.Stat(missing); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the missing folder is there now: %v", err)
	}
	two := write("two", "a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg\nb AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg\n", 0o600)
	if _, err := sessionstate.SecretFile(two); err == nil {
		t.Error("two short keys are accepted")
	} else if lines := strings.Split(err.Error(), "\n"); len(lines) < 2 {
		t.Errorf("only one fault of two: %v", err)
	} else {
		for _, line := range lines {
			if !strings.HasPrefix(line, "sessionstate: secret file "+two+": Secrets[") {
				t.Errorf("a line does not say which file it is about: %s", line)
			}
		}
	}
}
