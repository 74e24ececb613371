package sessionstate_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/sessionstate"
)

// It is not parallel: it looks at slog.Default.
func TestFromWithoutAManagerReadsDefaultsAndRefusesChanges(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })

	if s, err := sessionstate.FromContext(context.Background()); s != nil || !errors.Is(err, sessionstate.ErrNoSession) {
		t.Errorf("FromContext() = %v, %v, want ErrNoSession", s, err)
	}
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("n=1"))
	s := sessionstate.From(echo.New().NewContext(r, httptest.NewRecorder()))
	if log.Len() > 0 {
		t.Errorf("From alone logs %q", log.String())
	}
	if n, ok, err := count.Lookup(s); n != 0 || ok || !errors.Is(err, sessionstate.ErrNoSession) || name.Get(s) != "nobody" {
		t.Errorf("Lookup() = %d, %v, %v", n, ok, err)
	}
	if n := strings.Count(log.String(), "no session and no declared visitor"); n != 1 {
		t.Errorf("the first use is logged %d times, want once: %q", n, log.String())
	}
	_, incrErr := sessionstate.Incr(count, s, 1)
	_, updateErr := count.Update(s, func(n int) int { t.Error("Update calls its function"); return n })
	_, tokenErr := s.CSRFToken()
	_, detachErr := s.Detach()
	for what, err := range map[string]error{
		"Err": s.Err(), "Set": count.Set(s, 1), "Incr": incrErr, "Update": updateErr, "Delete": count.Delete(s),
		"Clear": s.Clear(), "Login": s.Login("ada"), "LoginFor": s.LoginFor("ada", time.Hour), "Renew": s.Renew(), "Destroy": s.Destroy(),
		"DestroyAndClearSite": s.DestroyAndClearSite(), "Flash": s.Flash("info", "x"), "SaveNow": s.SaveNow(t.Context()),
		"CSRFToken": tokenErr, "VerifyCSRF": s.VerifyCSRF("x"), "Detach": detachErr,
	} {
		if !errors.Is(err, sessionstate.ErrNoSession) {
			t.Errorf("%s: %v, want ErrNoSession", what, err)
		}
	}
	s.Revert()
	for f := range s.Flashes() {
		t.Errorf("there is a message %v", f)
	}
	if !s.IsNew() || s.ID() != "" || s.User() != "" || s.Handle() != "" || !s.Created().IsZero() || !s.Deadline().IsZero() || len(s.Keys()) != 0 || len(s.Snapshot()) != 0 {
		t.Error("there is something of a session")
	}
}
