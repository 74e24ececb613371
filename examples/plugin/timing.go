package main

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/middleware"
)

// Timing tells the browser, in the Server-Timing header, how long a handler
// took until its headers were sent, and counts the requests for its operator.
type Timing struct {
	requests atomic.Int64
}

// Each capability is one method; these lines make the compiler check them.
var (
	_ middleware.Beginner  = (*Timing)(nil)
	_ middleware.Committer = (*Timing)(nil)
	_ middleware.Closer    = (*Timing)(nil)
)

type startKey struct{} // what belongs to a request lives in its context

// Name identifies the plugin in a Stack.
func (t *Timing) Name() string { return "timing" }

// Begin notes when the request came.
func (t *Timing) Begin(c middleware.Context) error {
	t.requests.Add(1)
	ctx := context.WithValue(c.Request().Context(), startKey{}, time.Now())
	c.SetRequest(c.Request().WithContext(ctx))
	return nil
}

// BeforeHeaders has the last word on the headers.
func (t *Timing) BeforeHeaders(ctx context.Context, _ int, h http.Header) error {
	if start, ok := ctx.Value(startKey{}).(time.Time); ok {
		h.Add("Server-Timing", fmt.Sprintf("handler;dur=%.1f", float64(time.Since(start).Microseconds())/1000))
	}
	return nil
}

// Close reports at shutdown.
func (t *Timing) Close(context.Context) error {
	fmt.Println("requests served:", t.requests.Load())
	return nil
}
