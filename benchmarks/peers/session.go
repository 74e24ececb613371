package peers

import (
	"encoding/gob"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"
)

// The seven values of a usual session.
type (
	// Preferences are a struct among the values.
	Preferences struct {
		Theme    string `json:"theme"`
		PageSize int    `json:"page_size"`
	}
	// Visitor is all seven; peers keep each under a key of its own.
	Visitor struct {
		User   int
		Email  string
		Roles  []string
		Cart   []int
		Prefs  Preferences
		CSRF   string
		Visits int
	}
)

// ada is the visitor of the benchmarks.
var ada = Visitor{
	User: 1234567, Email: "ada.lovelace@example.org", Roles: []string{"admin", "editor"}, Cart: []int{1001, 1002, 1003},
	Prefs: Preferences{"dark", 50}, CSRF: "q8Jt2yq1Yw0b3l7m9n5c4v", Visits: 41,
}

// SessionLibrary is what one library makes of a visitor's session.
type SessionLibrary struct {
	Use   func(*echo.Echo) http.Handler // puts the library in front of the app
	Fill  func(echo.Context, Visitor) error
	User  func(echo.Context) (int, error) // reads one of the seven keys
	Visit func(echo.Context) (int, error) // adds one to the visits and saves
	Close func()                          // nil: nothing
}

// Site is an app with sessions, and a visitor whose session has seven keys.
type Site struct {
	app    http.Handler
	req    *http.Request
	w      discard
	failed error
	got    int
}

// NewSite makes the app and fills its session. Routes: /never does not touch
// the session, /user reads one key, /visit updates one.
func NewSite(lib SessionLibrary) (*Site, error) {
	e := echo.New()
	s := newSite(e)
	e.GET("/fill", s.handler(func(c echo.Context) (int, error) { return 0, lib.Fill(c, ada) }))
	e.GET("/user", s.handler(lib.User))
	e.GET("/visit", s.handler(lib.Visit))
	s.app = lib.Use(e)
	if err := s.Get("/fill"); err != nil {
		return nil, err
	}
	s.keep()
	if s.Cookie() == "" {
		return nil, errors.New("peers: filling the session has set no cookie")
	}
	return s, nil
}

// NewBareSite makes an app without sessions, with the middlewares given. Its
// only route is /never.
func NewBareSite(mws ...echo.MiddlewareFunc) *Site {
	e := echo.New()
	e.Use(mws...)
	return newSite(e)
}

func newSite(e *echo.Echo) *Site {
	s := &Site{app: e, w: discard{}}
	e.GET("/never", s.handler(func(echo.Context) (int, error) { return 0, nil }))
	s.req = &http.Request{
		Method: http.MethodGet, URL: &url.URL{Scheme: "https", Host: "example.com", Path: "/fill"}, Host: "example.com", RemoteAddr: "192.0.2.1:1234",
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody,
	}
	return s
}

func (s *Site) handler(h func(echo.Context) (int, error)) echo.HandlerFunc {
	return func(c echo.Context) error {
		s.got, s.failed = h(c)
		return c.NoContent(http.StatusNoContent)
	}
}

// Get sends a request with the visitor's cookie. The cookie of the answer is
// not kept, so that each request does the same work.
func (s *Site) Get(path string) error {
	clear(s.w)
	// A shallow copy, as the server's request is a new one each time: gorilla
	// replaces what it is given.
	req := *s.req
	req.URL.Path = path
	s.app.ServeHTTP(s.w, &req)
	return s.failed
}

// keep takes the cookie of the answer.
func (s *Site) keep() {
	for _, c := range (&http.Response{Header: http.Header(s.w)}).Cookies() {
		s.req.Header.Set("Cookie", c.Name+"="+c.Value)
	}
}

// Newcomer fills the session of one more visitor, and returns the header of the cookie.
func (s *Site) Newcomer() (cookie string, err error) {
	before := s.req.Header.Get("Cookie")
	defer s.As(before)
	s.As("")
	if err := s.Get("/fill"); err != nil {
		return "", err
	}
	s.keep()
	return s.req.Header.Get("Cookie"), nil
}

// As makes the requests from now on those of the visitor with this cookie.
func (s *Site) As(cookie string) {
	if cookie == "" {
		s.req.Header.Del("Cookie")
		return
	}
	s.req.Header.Set("Cookie", cookie)
}

// Cookie is the name and value of the visitor's cookie.
func (s *Site) Cookie() string { return strings.Replace(s.req.Header.Get("Cookie"), "=", "", 1) }

// Check says what is wrong with the answers.
func (s *Site) Check() error {
	for range 2 {
		if err := s.Get("/user"); err != nil || s.got != ada.User {
			return fmt.Errorf("peers: the user is %d, not %d (%w)", s.got, ada.User, err)
		}
	}
	if err := s.Get("/visit"); err != nil {
		return err
	}
	before := s.got
	s.keep()
	if err := s.Get("/visit"); err != nil || s.got != before+1 {
		return fmt.Errorf("peers: the visits are %d after %d: an update is lost (%w)", s.got, before, err)
	}
	return nil
}

// discard is a response whose body nobody reads.
type discard http.Header

func (d discard) Header() http.Header       { return http.Header(d) }
func (discard) WriteHeader(int)             {}
func (discard) Write(b []byte) (int, error) { return len(b), nil }

// registerSession tells gob of the types that libraries keep behind any. To
// register a type again does nothing.
func registerSession() {
	gob.Register([]int(nil))
	gob.Register(Preferences{})
}
