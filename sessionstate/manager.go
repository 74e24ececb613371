package sessionstate

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/reecho-go/reecho/internal/linewise"
	"github.com/reecho-go/reecho/internal/panics"
	"github.com/reecho-go/reecho/store"
)

// New makes a Manager. All problems of c are reported together.
func New(c Config) (*Manager, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	m := &Manager{
		cookie:    c.Cookie,
		style:     newStyle(c.Cookie),
		flashName: c.Cookie.Name + flashSuffix,
		visitName: c.Cookie.Name + visitSuffix,
		limits:    limits{idle: unlessMax(c.Lifetime.Idle), absolute: unlessMax(c.Lifetime.Absolute)},
		timeout:   c.Failures.Timeout,
		failOpen:  c.Failures.Open,
		keepOn5xx: c.Failures.KeepOn5xx,
		onChange:  make(map[string][]Hook),
		observer:  c.Observer,
		values:    c.Codec,
		scopes:    newScopes(c.Limits.Newcomers),

		renewEvery: c.Lifetime.RenewEvery,
	}
	m.names.token = new(token)
	var errs []error
	for i, h := range c.Hooks {
		if err := m.names.claim(h.id); err != nil {
			errs = append(errs, linewise.Prefix(fmt.Sprintf("sessionstate: Config.Hooks[%d]: ", i), err, "sessionstate: "))
		}
		if h.onChange != nil {
			m.onChange[h.key] = append(m.onChange[h.key], h)
		} else {
			m.afterCommit = append(m.afterCommit, h)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	secrets := c.Secrets
	if len(secrets) == 0 {
		secrets = []Secret{randomSecret()}
		m.notices = append(m.notices, "Config.Secrets is empty: all sessions end with this process, and other processes refuse their cookies: set Config.Secrets, for example to the keys of SecretFile")
	}
	var err error
	if m.codec, err = newCodec(secrets); err != nil {
		return nil, fmt.Errorf("sessionstate: derive keys: %w", err)
	}
	if m.logKey, err = subkey(secrets[0], infoLog); err != nil {
		return nil, fmt.Errorf("sessionstate: derive keys: %w", err)
	}
	for _, secret := range secrets {
		key, err := subkey(secret, infoCSRF)
		if err != nil {
			return nil, fmt.Errorf("sessionstate: derive keys: %w", err)
		}
		m.csrfKeys = append(m.csrfKeys, key)
	}
	if err := m.open(c); err != nil {
		return nil, err
	}
	m.noteForeignLifetime(c)
	m.begun.m = m
	m.foreign = &foreignManager{m, rand.Text()}
	if c.Cookie.InsecureLocalhost {
		m.local = newLocal(c.Cookie)
	}
	return m, nil
}

// open makes the backend.
func (m *Manager) open(c Config) error {
	var err error
	if m.revoked, err = newRevocations(cmp.Or(c.CookieMode.Revocations, c.Store), c.Prefix+"revoked/", m.limits, m.warnOfMemoryList); err != nil {
		return err
	}
	m.users = &Users{m: m}
	if c.Store != nil {
		swap, _ := store.As[store.Swapper](c.Store)
		touch, _ := store.As[store.Toucher](c.Store)
		k := newStoreBackend(storeBackend{
			name: c.Cookie.Name, codec: m.codec, limits: m.limits, digest: m.digest,
			store: c.Store, swap: swap, touch: touch, prefix: c.Prefix, grace: c.Lifetime.Grace,
		})
		if scan, ok := store.As[store.Scanner](c.Store); ok {
			k.marks = marks{c.Store, swap, c.Prefix + "mark/"}
			m.users = &Users{m: m, backend: k, scan: scan, perUser: c.Limits.PerUser, refuse: c.Limits.RefuseLogin}
		}
		m.backend = k
		return nil
	}
	k := cookieBackend{name: c.Cookie.Name, codec: m.codec, limits: m.limits, revoked: m.revoked, spill: newSpill(c.CookieMode.Spill, c.Prefix+"spill/")}
	if c.CookieMode.Foreign != nil {
		k.legacy = legacyCookies{c.CookieMode.Foreign.Cookies()}
		m.revoked.legacy = k.legacy.until()
		if kept := c.CookieMode.Foreign.Store(); kept != nil {
			m.backend = &foreignBackend{cookieBackend: k, store: kept}
			return nil
		}
	}
	m.backend = &k
	return nil
}

// noteForeignLifetime finds out how long the library of Config.CookieMode.Foreign let sessions live, and
// adds a notice about it.
func (m *Manager) noteForeignLifetime(c Config) {
	switch k := m.backend.(type) {
	case *foreignBackend:
		_ = panics.Catch(func() error { // a fault of the store will show with the first session
			session, err := k.store.Open(context.Background(), k.name, "")
			if err == nil {
				m.requested = requestedOf(session.MaxAge())
			}
			return err
		})
	case *cookieBackend:
		if k.legacy.Cookies == nil {
			return
		}
		m.requested = requestedOf(k.legacy.MaxAge)
	default:
		return
	}
	const of = "Config.CookieMode.Foreign"
	m.revoked.noteMaxAge(int(m.requested.rememberFor()))
	config := fmt.Sprintf("Config.Lifetime.Idle (%s) and Config.Lifetime.Absolute (%s)", limitText(c.Lifetime.Idle), limitText(c.Lifetime.Absolute))
	switch p := m.requested; {
	case !p.known:
		m.notices = append(m.notices, of+" does not say how long the old store let sessions live: those that are taken over now end with the browser, and by "+config+"; if the cookies had a Max-Age, such as gorilla's 30 days, give the old store its Options.MaxAge")
	case p.rememberFor() > 0:
		m.notices = append(m.notices, fmt.Sprintf("%s: sessions that are taken over, and those that code of its library saves, live %v from then on, as the old store's MaxAge says, not by %s; Login decides anew", of, time.Duration(p.rememberFor())*time.Second, config))
	default:
		m.notices = append(m.notices, of+": the old store let sessions live until the browser is closed; now they also end by "+config)
	}
}

func limitText(d time.Duration) string {
	if d == math.MaxInt64 {
		return "no limit"
	}
	return d.String()
}

// Must returns v, and panics if there is an error. It is for package variables
// and main functions: Must(New(Config{})).
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Start tells the observer, once, which settings are not fit for production.
func (m *Manager) Start(ctx context.Context) error {
	m.started.Do(func() {
		for _, text := range m.notices {
			m.notify(ctx, text)
		}
	})
	return nil
}

// Close frees what the Manager has made itself; stores that it was given stay
// open. Requests that come later find their sessions unreachable in cookie
// mode with the built-in list of revocations.
func (m *Manager) Close(ctx context.Context) error {
	return m.revoked.close(ctx)
}

// Stats returns what the Manager has counted. It is cheap, and may be called at
// any time.
func (m *Manager) Stats() Stats {
	c := &m.counters
	return Stats{
		Created: c.created.Load(), Renewed: c.renewed.Load(), Ended: c.ended.Load(), Lost: c.lost.Load(), Refused: c.refused.Load(),
		Saves: c.saves.Load(), Conflicts: c.conflicts.Load(), Failures: c.failures.Load(), Kept: int(m.scopes.size.Load()),
	}
}
