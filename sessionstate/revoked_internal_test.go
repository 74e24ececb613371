package sessionstate

import (
	"context"
	"testing"
	"time"
)

func TestVisitorsCannotFillTheListOfRevocations(t *testing.T) {
	t.Parallel()
	notices := 0
	r, err := newRevocations(nil, "session/revoked/", limits{idle: time.Hour}, func(context.Context) { notices++ })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.close(t.Context()) })
	session := func(user, foreign string) *held {
		return &held{id: newID(), is: true, record: record{created: time.Now().Unix(), user: user, foreign: foreign}}
	}
	ada, goth := session("ada", ""), session("", "gob")
	for _, h := range []*held{ada, goth} {
		if err := r.add(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	}
	var last *held
	for range 25_000 {
		last = session("", "")
		if err := r.add(t.Context(), last); err != nil {
			t.Fatal(err)
		}
	}
	for name, h := range map[string]*held{"a login": ada, "a login of gorilla code": goth, "the last visitor": last} {
		if dead, err := r.has(t.Context(), h.id); !dead || err != nil {
			t.Errorf("%s is not in the list any more: %v", name, err)
		}
	}
	if n := r.own[1].Stats().Entries; n > 20_000 {
		t.Errorf("the list of visitors holds %d, want at most 4 MiB of them", n)
	}
	if err := r.addFirst(t.Context(), session("bob", "")); err != nil {
		t.Errorf("a login finds no room: %v", err)
	}
	if notices != 1 {
		t.Errorf("%d notices, want 1", notices)
	}
}
