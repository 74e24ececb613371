package sessionstate_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store/memstore"
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
	e.Use(echov4.Use(sessions))
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
	e.Use(echov4.Use(sessions))
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
	e.Use(echov4.Use(sessions))
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

func ExampleState_Detach() {
	progress := sessionstate.NewKey("progress", sessionstate.KeyConfig[int]{})
	mem := memstore.Must(memstore.New(memstore.Config{}))
	defer mem.Close(context.Background())
	sessions := sessionstate.Must(sessionstate.New(sessionstate.Config{Secrets: secrets, Store: mem}))
	e := echo.New()
	e.Use(echov4.Use(sessions))

	var work sync.WaitGroup
	e.GET("/start", func(c echo.Context) error {
		session, err := sessionstate.From(c).Detach()
		if err != nil {
			return err
		}
		work.Go(func() { // it outlives the request
			err := session.Update(context.Background(), func(s *sessionstate.State) error {
				return progress.Set(s, 100)
			})
			if err != nil {
				fmt.Println(err) // sessionstate.ErrEnded: the visitor has logged out
			}
		})
		return c.String(http.StatusAccepted, "started")
	})
	e.GET("/", func(c echo.Context) error {
		work.Wait()
		return c.String(http.StatusOK, fmt.Sprintf("%d %%", progress.Get(sessionstate.From(c))))
	})

	browse(e, "/start", "/")
	// Output:
	// started
	// 100 %
}

func ExampleState_SaveNow() {
	order := sessionstate.NewKey("order", sessionstate.KeyConfig[string]{})
	mem := memstore.Must(memstore.New(memstore.Config{}))
	defer mem.Close(context.Background())
	sessions := sessionstate.Must(sessionstate.New(sessionstate.Config{Secrets: secrets, Store: mem}))
	e := echo.New()
	e.Use(echov4.Use(sessions))
	e.GET("/pay", func(c echo.Context) error {
		s := sessionstate.From(c)
		if err := order.Set(s, "A-17"); err != nil {
			return err
		}
		if err := s.SaveNow(c.Request().Context()); err != nil {
			return err
		}
		// The bank may call back before this response has left, and what
		// goes wrong from here on does not undo it.
		return echo.NewHTTPError(http.StatusBadGateway, "the bank is closed")
	})
	e.GET("/order", func(c echo.Context) error {
		return c.String(http.StatusOK, order.Get(sessionstate.From(c)))
	})

	browse(e, "/pay", "/order")
	// Output:
	// {"message":"the bank is closed"}
	//
	// A-17
}

func ExampleManager_Exclusive() {
	sessions := sessionstate.Must(sessionstate.New(sessionstate.Config{Secrets: secrets}))
	e := echo.New()
	e.Use(echov4.Use(sessions))
	// Whoever presses the button twice waits here for the first answer.
	e.GET("/checkout", func(c echo.Context) error {
		return c.String(http.StatusOK, "thank you")
	}, echov4.Use(sessions.Exclusive(0, 0)))

	browse(e, "/checkout")
	// Output: thank you
}

func ExampleManager_Bind() {
	dark := sessionstate.NewKey("dark", sessionstate.KeyConfig[bool]{})
	rows := sessionstate.NewKey("rows", sessionstate.KeyConfig[int]{Default: 20})
	sessions := sessionstate.Must(sessionstate.New(sessionstate.Config{
		Secrets: secrets,
		Hooks: []sessionstate.Hook{
			rows.OnChange(func(_ context.Context, ch sessionstate.Change[int]) error {
				if ch.New > 100 {
					return echo.NewHTTPError(http.StatusBadRequest, "at most 100 rows")
				}
				return nil
			}),
		},
	}))
	e := echo.New()
	e.Use(echov4.Use(sessions))
	e.GET("/settings", func(c echo.Context) error { // the keys are set before it runs
		s := sessionstate.From(c)
		return c.String(http.StatusOK, fmt.Sprintf("dark %v, %d rows", dark.Get(s), rows.Get(s)))
	}, echov4.Use(sessions.Bind(dark.Field("dark"), rows.Field("rows"))))

	browse(e, "/settings?dark=on", "/settings?rows=50", "/settings?rows=500&dark=off", "/settings")
	// Output:
	// dark true, 20 rows
	// dark true, 50 rows
	// {"message":"at most 100 rows"}
	//
	// dark true, 50 rows
}

func ExampleTab() {
	step := sessionstate.NewKey("step", sessionstate.KeyConfig[int]{})
	sessions := sessionstate.Must(sessionstate.New(sessionstate.Config{Secrets: secrets}))
	e := echo.New()
	e.Use(echov4.Use(sessions))
	e.GET("/wizard", func(c echo.Context) error {
		tab := sessionstate.Tab(c) // put it into the page: <input type="hidden" name="tab" value="...">
		n, err := sessionstate.Incr(step.In(tab), sessionstate.From(c), 1)
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, fmt.Sprintf("tab %s, step %d", tab, n))
	})

	browse(e, "/wizard?tab=a", "/wizard?tab=a", "/wizard?tab=b")
	// Output:
	// tab a, step 1
	// tab a, step 2
	// tab b, step 1
}
