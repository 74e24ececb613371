// Package clearing answers requests to clear caches or resources: whoever may
// do that can make every request slow, so much is refused.
package clearing

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/internal/problem"
)

// ErrUnknown is what a [Config].Clear returns for a name that nobody has.
var ErrUnknown = errors.New("there is nothing of that name")

// Config says what a handler clears, and for whom.
type Config struct {
	// Package is who answers, in errors.
	Package string
	// Words are the parameters that the query may have, once each, the name
	// first.
	Words []string
	// Lists are the parameters that the query may have several times.
	Lists []string
	// Authorize lets a request through or says why not.
	Authorize func(echo.Context) error
	// Clear clears what the query says, which has nothing else and no empty
	// values.
	Clear func(ctx context.Context, query url.Values) error
}

// Handler returns the handler, or says that nobody authorizes.
func Handler(cfg Config) (echo.HandlerFunc, error) {
	if cfg.Authorize == nil {
		return nil, errors.New(cfg.Package + ": ClearHandler: authorize is nil: say who may clear")
	}
	sameOrigin := http.NewCrossOriginProtection()
	answer := func(c echo.Context) error {
		r := c.Request()
		if r.Method != http.MethodPost {
			c.Response().Header().Set(echo.HeaderAllow, http.MethodPost)
			return cfg.refuse(http.StatusMethodNotAllowed, "Use POST.", nil)
		}
		if err := sameOrigin.Check(r); err != nil {
			return cfg.refuse(http.StatusForbidden, "This request comes from another site.", err)
		}
		if err := cfg.Authorize(c); err != nil {
			return cfg.denied(err)
		}
		return cfg.clear(r)
	}
	return func(c echo.Context) error {
		if err := answer(c); err != nil {
			return problem.HTTPError(err)
		}
		return c.NoContent(http.StatusNoContent)
	}, nil
}

// clear clears what the query of r says. A query that it does not understand
// is refused, since without it everything would be cleared.
func (cfg *Config) clear(r *http.Request) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return cfg.refuse(http.StatusBadRequest, "The query cannot be read.", err)
	}
	for word, values := range query {
		once := slices.Contains(cfg.Words, word) && len(values) == 1
		if !once && !slices.Contains(cfg.Lists, word) || slices.Contains(values, "") {
			return cfg.refuse(http.StatusBadRequest, cfg.allowed(), nil)
		}
	}
	err = cfg.Clear(r.Context(), query)
	if errors.Is(err, ErrUnknown) {
		return cfg.refuse(http.StatusNotFound, "There is no "+cfg.Words[0]+" of that name.", nil)
	}
	return err
}

// allowed says what the query may have.
func (cfg *Config) allowed() string {
	text := "The query may have " + strings.Join(cfg.Words, " and ") + ", with one value"
	if len(cfg.Lists) > 0 {
		text += ", and " + strings.Join(cfg.Lists, " and ") + ", with one or several"
	}
	return text + "."
}

// denied is what to answer when Authorize has failed with err: err itself if it
// is meant for clients.
func (cfg *Config) denied(err error) error {
	if _, ok := errors.AsType[*echo.HTTPError](err); ok {
		return err
	}
	if _, ok := problem.From(err); ok {
		return err
	}
	return cfg.refuse(http.StatusForbidden, "You may not clear this.", err)
}

func (cfg *Config) refuse(status int, detail string, cause error) error {
	return &refusal{cfg.Package, status, detail, cause}
}

// refusal is a request that was not obeyed.
type refusal struct {
	pkg    string
	status int
	detail string
	cause  error
}

// Error implements error.
func (r *refusal) Error() string {
	if r.cause != nil {
		return r.pkg + ": ClearHandler: " + r.cause.Error()
	}
	return r.pkg + ": ClearHandler: " + r.detail
}

// Unwrap returns the cause.
func (r *refusal) Unwrap() error { return r.cause }

// StatusCode implements problem.Error.
func (r *refusal) StatusCode() int { return r.status }

// Problem implements problem.Error.
func (r *refusal) Problem() problem.Details { return problem.Details{Detail: r.detail} }
