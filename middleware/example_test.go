package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
)

// poweredBy is a plugin with two hooks: it looks at how a request ended, and
// adds a header just before the headers leave.
type poweredBy struct{}

func (poweredBy) Name() string { return "powered-by" }

func (poweredBy) BeforeHeaders(_ context.Context, status int, h http.Header) error {
	h.Set("X-Powered-By", fmt.Sprintf("reecho (%d)", status))
	return nil
}

func (poweredBy) End(_ middleware.Context, err error) error {
	fmt.Println("the handler returned:", err)
	return err
}

func Example() {
	stack := middleware.Must(middleware.New(poweredBy{}))
	defer stack.Close(context.Background())

	e := echo.New()
	e.Use(echov4.Middleware(stack))
	e.GET("/", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })

	for _, path := range []string{"/", "/nowhere"} {
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		fmt.Println(path, rec.Header().Get("X-Powered-By"))
	}
	// Output:
	// the handler returned: <nil>
	// / reecho (204)
	// the handler returned: code=404, message=Not Found
	// /nowhere reecho (404)
}

// The same plugins serve a mux of net/http.
func ExampleStack_Handler() {
	stack := middleware.Must(middleware.New(poweredBy{}))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })

	rec := httptest.NewRecorder()
	stack.Handler(mux).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	fmt.Println(rec.Header().Get("X-Powered-By"), rec.Body)
	// Output:
	// the handler returned: <nil>
	// reecho (200) hello
}
