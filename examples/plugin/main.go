// Command plugin serves a page whose middleware is a plugin written from
// scratch, in timing.go.
//
//	go run ./examples/plugin
//	curl -i http://127.0.0.1:8082/
package main

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	stack, err := middleware.New(new(Timing))
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:8082")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: app(stack), ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Shutdown(context.Background()) })
	log.Printf("listening on http://%s", l.Addr())
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return stack.Close(context.Background())
}

// app is one route behind the stack.
func app(stack *middleware.Stack) http.Handler {
	e := echo.New()
	e.Use(echov4.Middleware(stack))
	e.GET("/", func(c echo.Context) error {
		return c.String(http.StatusOK, "look at the Server-Timing header\n")
	})
	return e
}
