package sessionstate_test

import (
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/sessionstate"
)

// A handler reads what the page shows and hands it to the template; a form sends
// the token back.
func ExampleManager_CSRF() {
	page := template.Must(template.New("page").Parse(
		`{{range .Flashes}}<p>{{.Text}}</p>{{end}}<form method="post"><input type="hidden" name="csrf_token" value="{{.CSRF}}"><button>Vote</button></form>`))
	votes := sessionstate.NewKey("votes", sessionstate.KeyConfig[int]{})
	sessions := sessionstate.Must(sessionstate.New(sessionstate.Config{}))

	e := echo.New()
	e.Use(echov4.Use(sessions, sessions.CSRF()))
	e.GET("/", func(c echo.Context) error {
		s := sessionstate.From(c)
		token, err := s.CSRFToken()
		if err != nil {
			return err
		}
		var out strings.Builder
		if err := page.Execute(&out, map[string]any{"Flashes": slices.Collect(s.Flashes()), "CSRF": token}); err != nil {
			return err
		}
		return c.HTML(http.StatusOK, out.String())
	})
	e.POST("/", func(c echo.Context) error {
		s := sessionstate.From(c)
		n, err := sessionstate.Incr(votes, s, 1)
		if err != nil {
			return err
		}
		if err := s.Flash("info", fmt.Sprint("Votes so far: ", n)); err != nil {
			return err
		}
		return c.Redirect(http.StatusSeeOther, "/") // the session is saved before the redirect leaves
	})

	cookies := make(map[string]*http.Cookie) // as a browser keeps them
	send := func(method, form string) *httptest.ResponseRecorder {
		req := httptest.NewRequest(method, "https://app.example/", strings.NewReader(form))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, cookie := range cookies {
			req.AddCookie(cookie)
		}
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, req)
		for _, cookie := range rec.Result().Cookies() {
			cookies[cookie.Name] = cookie
		}
		return rec
	}
	form := send(http.MethodGet, "").Body.String()
	token := regexp.MustCompile(`value="([^"]*)"`).FindStringSubmatch(form)[1]
	fmt.Println(send(http.MethodPost, "").Code, "without the token")
	fmt.Println(send(http.MethodPost, "csrf_token="+url.QueryEscape(token)).Code)
	shown, _, _ := strings.Cut(send(http.MethodGet, "").Body.String(), "<form")
	fmt.Println(shown)
	// Output:
	// 403 without the token
	// 303
	// <p>Votes so far: 1</p>
}
