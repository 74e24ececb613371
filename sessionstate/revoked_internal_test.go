package sessionstate

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/reecho-go/reecho/store/memstore"
)

// session is one that somebody may end.
func session(user string, issued int64) *snapshot {
	return &snapshot{id: newID(), exists: true, record: record{created: issued, issued: issued, user: user}}
}

func TestNobodyCanFillTheListOfRevocations(t *testing.T) {
	t.Parallel()
	full := memstore.Must(memstore.New(memstore.Config{Refuse: true}))
	t.Cleanup(func() { _ = full.Close(t.Context()) })
	for name, given := range map[string]*memstore.Store{"our own": nil, "a store": full} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			notices := 0
			notice := func(context.Context) { notices++ }
			var r *revocations
			var err error
			if given == nil {
				r, err = newRevocations(nil, "session/revoked/", limits{}, notice)
			} else {
				r, err = newRevocations(given, "session/revoked/", limits{}, notice)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = r.close(t.Context()) })
			now := time.Now().Unix()
			ada, goth, first, other := session("ada", now), session("", now), session("", now), session("", now)
			goth.record.foreign = "gob"
			bob := session("bob", now)
			few := func(m sessionRef) sessionRef { // so that they are soon full
				m.class.pages = 4
				return m
			}
			is := map[string]sessionRef{
				"a login": ada.ref(), "a login of gorilla code": goth.ref(),
				"the first visitor": few(first.ref()), "a cookie of another name": other.otherNameRef(),
			}
			end := func(h *snapshot, m sessionRef) {
				if err := r.end(t.Context(), h, m); err != nil && !errors.Is(err, errRenewedMeanwhile) {
					t.Fatal(err)
				}
			}
			for _, h := range []*snapshot{ada, goth} {
				end(h, h.ref())
			}
			end(first, few(first.ref()))
			end(other, other.otherNameRef())
			for i := range int64(1000) { // without any deadline
				last := session("", now+i/100)
				end(last, few(last.ref()))
				is["the last visitor"] = few(last.ref())
			}
			for i := range int64(300) {
				mallory := session("mallory", now+i)
				end(mallory, mallory.ref())
				is["a user who logs out without end"] = mallory.ref()
			}
			for name, m := range is {
				if dead, err := r.has(t.Context(), m); !dead || err != nil {
					t.Errorf("%s has come back: %v", name, err)
				}
			}
			for name, m := range map[string]sessionRef{"bob": bob.ref(), "another cookie of another name": session("", now).otherNameRef()} {
				if dead, err := r.has(t.Context(), m); dead || err != nil {
					t.Errorf("%s: dead %v, %v: others' logouts have ended it", name, dead, err)
				}
			}
			if err := r.renew(t.Context(), bob); err != nil {
				t.Errorf("a login finds no room: %v", err)
			}
			bytes := full.Stats().Bytes
			if given == nil {
				bytes = r.builtIn.Stats().Bytes
			}
			if most := int64(4+4) * (maxPage + memstore.Overhead + 64); bytes > most {
				t.Errorf("the list has %d bytes, want at most %d", bytes, most)
			}
			want := 0
			if given == nil {
				want = 1
			}
			if notices != want {
				t.Errorf("%d notices, want %d", notices, want)
			}
		})
	}
}

func TestAListInAStoreThatIsFullEndsTooManyRatherThanTooFew(t *testing.T) {
	t.Parallel()
	small := memstore.Must(memstore.New(memstore.Config{MaxBytes: 8 << 10, Refuse: true}))
	t.Cleanup(func() { _ = small.Close(t.Context()) })
	r, err := newRevocations(small, "session/revoked/", limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	var all []sessionRef
	for i := range int64(400) {
		for _, h := range []*snapshot{session("", now+i), session("ada", now+i)} {
			m := h.ref()
			m.class.pages = 2
			if err := r.end(t.Context(), h, m); err != nil {
				t.Fatalf("logout no. %d: %v", i, err)
			}
			all = append(all, m)
		}
	}
	for i, m := range all {
		if dead, err := r.has(t.Context(), m); !dead || err != nil {
			t.Fatalf("session no. %d has come back: %v", i, err)
		}
	}
	bob := session("bob", now+399)
	if m := bob.ref(); r.issueTime(t.Context(), m, 0) > now+400 {
		t.Error("a new id gets a time that is too late")
	}
}

func TestWhatAPageHasEndedStaysEnded(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		name := func() (d digest) {
			binary.BigEndian.PutUint64(d[:], rnd.Uint64())
			return d
		}
		users := []digest{{}, name(), name(), name(), {}}
		if seed%2 == 0 { // a page of visitors
			users = users[:1]
		}
		type end struct {
			m     sessionRef
			until int64
		}
		var ends []end
		var p page
		now, cutOffs := int64(1_000_000), 0
		for step := range 600 {
			now += rnd.Int64N(20)
			m := sessionRef{user: users[rnd.IntN(len(users))], id: name(), issued: max(0, now-rnd.Int64N(5000))}
			if rnd.IntN(3) == 0 { // one who asks for a time that is not refused
				m.issued = max(now, p.refusedUntil(&m)+1)
				if p.state(&m) != idLive {
					t.Fatalf("seed %d: an id that was just made is refused", seed)
				}
			}
			until := now + rnd.Int64N(10_000)
			if rnd.IntN(10) == 0 {
				until = 0
			}
			if p.state(&m) == idRefused {
				cutOffs++
				continue
			}
			p = p.with(&m, until, rnd.IntN(2) == 0, now)
			ends = append(ends, end{m, until})
			b := p.append(nil)
			if len(b) > maxPage || len(b) != p.size() {
				t.Fatalf("seed %d: the page has %d bytes, by its word %d", seed, len(b), p.size())
			}
			again, err := parsePage(b)
			if err != nil || !slices.Equal(again, p) {
				t.Fatalf("seed %d: parsePage: %v", seed, err)
			}
			if step%20 > 0 {
				continue
			}
			for _, e := range ends {
				if (e.until == 0 || now < e.until) && p.state(&e.m) == idLive {
					t.Fatalf("seed %d: %+v is alive again", seed, e)
				}
				if at := p.expires(); !at.IsZero() && (e.until == 0 && p.state(&e.m) != idLive || e.until > at.Unix()) {
					t.Fatalf("seed %d: the page is forgotten at %v, before %+v", seed, at, e)
				}
			}
		}
		if len(ends) < 100 || cutOffs == 0 {
			t.Fatalf("seed %d: %d ends, %d cut off: the page was never full", seed, len(ends), cutOffs)
		}
	}
}

func TestPagesAreReadWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	m := sessionRef{user: digest{1}, id: digest{2}, issued: 1 << 31}
	b := page(nil).with(&m, 1<<32, true, 0).append(nil)
	for i := range b {
		if _, err := parsePage(b[:i]); !errors.Is(err, errFormat) {
			t.Errorf("parsePage of the first %d bytes: %v", i, err)
		}
	}
	if _, err := parsePage(append(b, 0)); !errors.Is(err, errFormat) {
		t.Errorf("parsePage with a byte too many: %v", err)
	}
}

func TestACookieOfBeforeHasOneIdentityHoweverItIsSpelled(t *testing.T) {
	t.Parallel()
	const value = "MTcwMHx_eC1-fGFi" // URL-safe, and no padding
	want := legacyID("legacy", value)
	for _, same := range []string{"MTcwMHx/eC1+fGFi", "MTcwMHx_\neC1-fGFi", "MTcwMHx_eC1-fGFi=="} {
		if legacyID("legacy", same) != want {
			t.Errorf("%q is another session", same)
		}
	}
	for i, pair := range [][2]string{{"YQ==", "YR=="}, {"YWI=", "YWJ="}, {"YQ", "YX"}} {
		if legacyID("legacy", pair[0]) != legacyID("legacy", pair[1]) {
			t.Errorf("%d: %q is another session than %q", i, pair[1], pair[0])
		}
	}
	seen := make(map[sessionID]string)
	for i := range 1000 {
		sum := sha256.Sum256(fmt.Append(nil, i))
		for _, text := range []string{encoding.EncodeToString(sum[:]), fmt.Sprintf("%x!", sum)} { // not base64
			id := legacyID("legacy", text)
			if seen[id] != "" || !id.isLegacy() {
				t.Fatalf("%q and %q are one session", text, seen[id])
			}
			seen[id] = text
		}
	}
	if legacyID("legacy", value) == legacyID("third", value) {
		t.Error("two kinds of cookies share an id")
	}
}
