package problem_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/internal/problem"
)

type fault struct{ d problem.Details }

func (fault) Error() string              { return "fault" }
func (fault) StatusCode() int            { return http.StatusBadRequest }
func (f fault) Problem() problem.Details { return f.d }

func TestAccept(t *testing.T) {
	t.Parallel()
	const html, json = "text/html; charset=utf-8", "application/problem+json"
	tests := []struct {
		accept []string
		want   string
	}{
		{nil, json},
		{[]string{"*/*"}, json},
		{[]string{"text/html"}, html},
		{[]string{"TEXT/HTML;q=0.3"}, html},
		{[]string{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, html},
		{[]string{"application/json, text/html;q=0.9"}, json},
		{[]string{"text/html;q=0.9, application/problem+json;q=0.9"}, json},
		{[]string{"application/json;q=0.1", "text/html"}, html},
		{[]string{"text/html;q=nonsense, */*"}, json},
		{[]string{"*/*, text/html;q=0.5, application/json;q=0.1, application/problem+json;q=0.1"}, html}, // the closest range counts, wherever it stands
		{[]string{"text/html;q=0.5, application/json;q=0.1, application/problem+json;q=0.1, */*"}, html},
		{[]string{"text/*"}, html},
		{[]string{"text/html;q=0, */*"}, json},
		{[]string{"application/json, text/plain, */*"}, json}, // as axios sends it
		{[]string{"text/html;level=1;Q=1.0"}, html},
		{[]string{"application/json;q=0.5", "application/*;q=0.9, text/html;q=0.7"}, json}, // problem+json has 0.9
		{[]string{"text/html;q=2"}, json},
		{[]string{strings.Repeat("a/b,", 1<<18) + "text/html"}, json},
	}
	for _, tt := range tests {
		rec := httptest.NewRecorder()
		req := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		req.Header["Accept"] = tt.accept
		d := problem.DetailsOf(fault{})
		if err := problem.Write(rec, req, d); err != nil {
			t.Fatal(err)
		}
		if got := rec.Header().Get("Content-Type"); got != tt.want {
			t.Errorf("Accept %.60q: content type = %q, want %q", tt.accept, got, tt.want)
		}
	}
}

// FuzzAccept compares the reading of an Accept header with a naive one.
func FuzzAccept(f *testing.F) {
	for _, s := range []string{"", "*/*", "text/html", "text/*;q=0.5,*/*;q=0.1", "application/json;q=0.1, */*", ",;,q=1;=", "text/html; Q=.5;x=y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		if len(accept) > 1<<10 {
			t.Skip("cut short")
		}
		rec := httptest.NewRecorder()
		req := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		req.Header["Accept"] = []string{accept}
		d := problem.DetailsOf(fault{})
		if err := problem.Write(rec, req, d); err != nil {
			t.Fatal(err)
		}
		html := quality(accept, "text/html")
		got, want := rec.Header().Get("Content-Type"), "application/problem+json"
		if html > max(quality(accept, "application/json"), quality(accept, "application/problem+json")) {
			want = "text/html; charset=utf-8"
		}
		if got != want {
			t.Errorf("Accept %q: content type = %q, want %q", accept, got, want)
		}
	})
}

// quality is the weight that accept gives to a media type: that of the closest
// range, the largest of equal ones.
func quality(accept, media string) float64 {
	major, _, _ := strings.Cut(media, "/")
	for _, at := range []string{media, major + "/*", "*/*"} {
		best, found := 0.0, false
		for part := range strings.SplitSeq(strings.ToLower(accept), ",") {
			params := strings.Split(part, ";")
			if strings.TrimSpace(params[0]) != at {
				continue
			}
			q := 1.0
			for _, p := range params[1:] {
				if v, ok := strings.CutPrefix(strings.TrimSpace(p), "q="); ok {
					n, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
					if err != nil || !(n >= 0 && n <= 1) {
						n = 0
					}
					q = n
					break
				}
			}
			best, found = max(best, q), true
		}
		if found {
			return best
		}
	}
	return 0
}

func TestWrite(t *testing.T) {
	t.Parallel()
	value := `<script>alert("x")</script>`
	d := problem.DetailsOf(fault{problem.Details{
		Detail: "1 < 2", Errors: []problem.Item{{Parameter: "page", Code: "out_of_range", Detail: "too large", Value: &value, Expected: "1 to 9"}},
	}})
	for _, accept := range []string{"application/json", "text/html"} {
		rec := httptest.NewRecorder()
		rec.Header().Set("Content-Encoding", "gzip")
		rec.Header().Set("Etag", `"x"`)
		rec.Header().Set("Set-Cookie", "kept=1")
		req := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		req.Header.Set("Accept", accept)
		if err := problem.Write(rec, req, d); err != nil {
			t.Fatal(err)
		}
		h := rec.Header()
		if rec.Code != 400 || h.Get("Content-Encoding") != "" || h.Get("Etag") != "" || h.Get("Set-Cookie") != "kept=1" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", accept, rec.Code, h)
		}
		if got := rec.Body.String(); strings.Contains(got, "<script>") {
			t.Errorf("%s: the value is not escaped: %s", accept, got)
		}
	}
	rec := httptest.NewRecorder()
	if err := problem.Write(rec, httptest.NewRequest(http.MethodGet, "/", http.NoBody), d); err != nil {
		t.Fatal(err)
	}
	var got problem.Details
	if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Title != "Bad Request" || got.Status != 400 || len(got.Errors) != 1 || *got.Errors[0].Value != value {
		t.Errorf("problem = %+v", got)
	}
	head := httptest.NewRecorder()
	if err := problem.Write(head, httptest.NewRequest(http.MethodHead, "/", http.NoBody), d); err != nil || head.Body.Len() != 0 {
		t.Errorf("HEAD: error = %v, body = %q; want no body", err, head.Body)
	}
}

type badStatus struct{ fault }

func (badStatus) StatusCode() int { return 0 }

func TestFromAndDetailsOf(t *testing.T) {
	t.Parallel()
	if _, ok := problem.From(errors.New("x")); ok {
		t.Error("From() took a stranger's error")
	}
	pe, ok := problem.From(fmt.Errorf("wrapped: %w", fault{}))
	if !ok || problem.DetailsOf(pe).Status != 400 {
		t.Errorf("From(wrapped) = %v, %v", pe, ok)
	}
	if got := problem.DetailsOf(badStatus{}).Status; got != 500 {
		t.Errorf("status of an error without one = %d, want 500", got)
	}
}

// Whoever spells a header's name in another way means the same header, and an error
// that many requests share must stay as it is.
func TestHeadersOfAnErrorAreCanonicalAndItsOwn(t *testing.T) {
	t.Parallel()
	shared := make([]string, 1, 2)
	shared[0] = "X-B"
	e := fault{problem.Details{Header: map[string][]string{"retry-after": {"5"}, "vary": shared, "content-type": {"text/plain"}, "content-length": {"1"}}}}
	rec := httptest.NewRecorder()
	rec.Header().Set("Vary", "X-A")
	if err := problem.Write(rec, httptest.NewRequest(http.MethodGet, "/", http.NoBody), problem.DetailsOf(e)); err != nil {
		t.Fatal(err)
	}
	rec.Header()["Retry-After"][0] = "6"
	for name, want := range map[string]int{"Retry-After": 1, "Vary": 2, "Content-Type": 1, "Content-Length": 1, "retry-after": 0, "vary": 0, "content-type": 0, "content-length": 0} {
		if got := rec.Header()[name]; len(got) != want {
			t.Errorf("%s = %q, want %d values", name, got, want)
		}
	}
	if got := rec.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type = %q, want that of the body", got)
	}
	if got := e.d.Header["retry-after"][0]; got != "5" {
		t.Errorf("the error's own Retry-After became %q", got)
	}
	if got := problem.DetailsOf(elsewhere{303, map[string][]string{"location": {"/x"}}}); got.Status != 303 {
		t.Errorf("with a location in small letters the status is %d, want 303", got.Status)
	}
}

func TestADetailsHeadersLeaveWithIt(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	busy := problem.Details{Status: 503, Header: http.Header{"Retry-After": {"1"}, "Vary": {"Cookie"}}}
	rec := httptest.NewRecorder()
	rec.Header().Set("Vary", "Accept")
	if err := problem.Write(rec, r, busy); err != nil {
		t.Fatal(err)
	}
	if h := rec.Header(); rec.Code != 503 || h.Get("Retry-After") != "1" || strings.Join(h.Values("Vary"), ", ") != "Accept, Cookie" || strings.Contains(rec.Body.String(), "Retry") {
		t.Errorf("answer = %d %v %s, want the headers beside the body, and Vary added", rec.Code, h, rec.Body)
	}
	if len(busy.Header["Vary"]) != 1 {
		t.Errorf("Write changed the Details: %v", busy.Header)
	}
}

// elsewhere is an error that sends the client somewhere else.
type elsewhere struct {
	status int
	to     http.Header
}

func (elsewhere) Error() string              { return "elsewhere" }
func (e elsewhere) StatusCode() int          { return e.status }
func (e elsewhere) Problem() problem.Details { return problem.Details{Header: e.to} }

func TestAnErrorIsARedirectOnlyWithOnePlaceToGo(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err  elsewhere
		want int
	}{
		"a place":     {elsewhere{308, http.Header{"Location": {"/x"}}}, 308},
		"no place":    {elsewhere{308, nil}, 500},
		"two places":  {elsewhere{303, http.Header{"Location": {"/x", "/y"}}}, 500},
		"no redirect": {elsewhere{200, http.Header{"Location": {"/x"}}}, 500},
	} {
		rec := httptest.NewRecorder()
		if err := problem.Write(rec, httptest.NewRequest(http.MethodGet, "/", http.NoBody), problem.DetailsOf(tt.err)); err != nil {
			t.Fatal(err)
		}
		if rec.Code != tt.want || (rec.Body.Len() == 0) != (tt.want == 308) {
			t.Errorf("%s: answer = %d %q, want %d, with a body unless it is a redirect", name, rec.Code, rec.Body, tt.want)
		}
	}
}
