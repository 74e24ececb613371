package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/plugintest"
)

// One call checks the plugin against every rule of the host.
func TestTimingKeepsTheRules(t *testing.T) {
	plugintest.Run(t, func(testing.TB) middleware.Plugin { return new(Timing) })
}

func TestTheHeaderIsSent(t *testing.T) {
	t.Parallel()
	rec := httptest.NewRecorder()
	app(middleware.Must(middleware.New(new(Timing)))).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if got := rec.Header().Get("Server-Timing"); rec.Code != http.StatusOK || !strings.HasPrefix(got, "handler;dur=") {
		t.Errorf("answer = %d with Server-Timing %q, want 200 with the handler's time", rec.Code, got)
	}
}
