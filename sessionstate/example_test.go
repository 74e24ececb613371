package sessionstate_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/sessionstate"
)

// browse gets the paths of an app one after the other, as a browser would.
func browse(e *echo.Echo, paths ...string) {
	server := httptest.NewTLSServer(e)
	defer server.Close()
	client := server.Client()
	client.Jar, _ = cookiejar.New(nil)
	for _, path := range paths {
		res, err := client.Get(server.URL + path)
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		fmt.Println(string(body))
	}
}

var secrets = []sessionstate.Secret{key1} // in your app: sessionstate.SecretFile

func Example() {
	visits := sessionstate.NewKey("visits", sessionstate.KeyConfig[int]{})

	sessions := sessionstate.Must(sessionstate.New(sessionstate.Config{Secrets: secrets}))
	e := echo.New()
	e.Use(sessions.Middleware())
	e.GET("/", func(c echo.Context) error {
		n, err := sessionstate.Incr(visits, sessionstate.From(c), 1)
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, fmt.Sprintf("visit %d", n))
	})

	browse(e, "/", "/", "/")
	// Output:
	// visit 1
	// visit 2
	// visit 3
}

func ExampleState_Flash() {
	sessions := sessionstate.Must(sessionstate.New(sessionstate.Config{Secrets: secrets}))
	e := echo.New()
	e.Use(sessions.Middleware())
	e.GET("/save", func(c echo.Context) error {
		if err := sessionstate.From(c).Flash(sessionstate.Success, "saved"); err != nil {
			return err
		}
		return c.Redirect(http.StatusSeeOther, "/")
	})
	e.GET("/", func(c echo.Context) error {
		page := "page"
		for f := range sessionstate.From(c).Flashes() {
			page += fmt.Sprintf(" [%s: %s]", f.Kind, f.Text)
		}
		return c.String(http.StatusOK, page)
	})

	browse(e, "/save", "/")
	// Output:
	// page [success: saved]
	// page
}

func ExampleState_Login() {
	cart := sessionstate.NewKey("cart", sessionstate.KeyConfig[[]string]{})

	sessions := sessionstate.Must(sessionstate.New(sessionstate.Config{Secrets: secrets}))
	e := echo.New()
	e.Use(sessions.Middleware())
	e.GET("/add", func(c echo.Context) error {
		if _, err := sessionstate.Append(cart, sessionstate.From(c), "apples"); err != nil {
			return err
		}
		return c.String(http.StatusOK, "added")
	})
	e.GET("/login", func(c echo.Context) error { // after the password was checked
		if err := sessionstate.From(c).Login("ada"); err != nil {
			return err
		}
		return c.Redirect(http.StatusSeeOther, "/")
	})
	e.GET("/logout", func(c echo.Context) error {
		if err := sessionstate.From(c).Destroy(); err != nil {
			return err
		}
		return c.Redirect(http.StatusSeeOther, "/")
	})
	e.GET("/", func(c echo.Context) error {
		s := sessionstate.From(c)
		return c.String(http.StatusOK, fmt.Sprintf("%q has %q", s.User(), cart.Get(s)))
	})

	browse(e, "/add", "/login", "/logout")
	// Output:
	// added
	// "ada" has ["apples"]
	// "" has []
}
