package gorillastate_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/sessionstate/gorillastate"
)

// A handler that was written for gorilla/sessions, on a sealed cookie.
func ExampleNew() {
	manager := sessionstate.Must(sessionstate.New(sessionstate.Config{
		Secrets: []sessionstate.Secret{{ID: "2026-11", Key: []byte("hZ6uWqk0Jm2nT8sPx4vRb1yLd7fGc3eA")}},
	}))
	store := gorillastate.New(manager) // a sessions.Store
	handler := func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "__Host-id")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		n, _ := session.Values["n"].(int)
		session.Values["n"] = n + 1
		if err := session.Save(r, w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, n+1)
	}

	var cookies []*http.Cookie
	for range 2 {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		rec := httptest.NewRecorder()
		handler(rec, r)
		cookies = rec.Result().Cookies()
		fmt.Print(rec.Body)
	}
	// Output:
	// 1
	// 2
}
