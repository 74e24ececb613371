package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/internal/panics"
	"github.com/reecho-go/reecho/internal/problem"
	"github.com/reecho-go/reecho/middleware/respcache"
	"github.com/reecho-go/reecho/sessionstate"
)

// maxForm bounds the forms of the page.
const maxForm = 64 << 10

// act answers a POST: it carries out the action of a form, and redirects to the page.
func (d *Dashboard) act(w http.ResponseWriter, r *http.Request) {
	if err := d.origin.Check(r); err != nil {
		d.refuse(w, r, refusal(http.StatusForbidden, "This form comes from another site.", err))
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		d.refuse(w, r, refusal(http.StatusBadRequest, "The form cannot be read.", err))
		return
	}
	form := r.PostForm
	do, ok := actions[form.Get("do")]
	if !ok {
		d.refuse(w, r, refusal(http.StatusBadRequest, "There is no such action.", nil))
		return
	}
	var done string
	err := panics.Catch(func() (err error) { // the load of a refresh may panic
		done, err = do(d, r.Context(), form)
		return err
	})
	refusedErr, refused := errors.AsType[*problem.RefusalError](err)
	switch {
	case refused:
		d.refuse(w, r, refusedErr)
	case errors.Is(err, errMissing):
		d.refuse(w, r, refusal(http.StatusNotFound, "What this was about is not there any more.", err))
	case err != nil:
		d.refuse(w, r, refusal(http.StatusInternalServerError, shorten(err.Error(), 4*maxText), err))
	case form.Get("user") != "":
		d.showUser(w, r, form.Get("user"), done)
	default:
		// The address is a query of the path that the browser knows. http.Redirect would
		// use the path that the server knows.
		back := url.Values{}
		for _, name := range queryNames {
			if v := r.URL.Query().Get(name); v != "" && len(v) <= maxParameter {
				back.Set(name, v)
			}
		}
		back.Set("done", done)
		w.Header().Set("Location", "?"+back.Encode())
		w.WriteHeader(http.StatusSeeOther)
	}
}

func refusal(status int, detail string, cause error) error {
	return &problem.RefusalError{Who: "dashboard", Status: status, Detail: detail, Cause: cause}
}

// errMissing says that a cache or resource has been closed.
var errMissing = errors.New("dashboard: there is no such cache or resource")

// action carries out what a form requests, and returns a key of done.
type action func(d *Dashboard, ctx context.Context, form url.Values) (done string, err error)

// actions are the actions of forms by their names.
var actions = map[string]action{
	"clear":     (*Dashboard).clearCache,
	"tag":       (*Dashboard).clearTag,
	"delete":    (*Dashboard).deleteEntry,
	"refresh":   (*Dashboard).refreshEntry,
	"resource":  (*Dashboard).clearResource,
	"responses": (*Dashboard).clearResponses,
	"find":      func(*Dashboard, context.Context, url.Values) (string, error) { return "", nil },
	"end":       (*Dashboard).endSession,
	"revoke":    (*Dashboard).revokeUser,
}

// cache returns the cache that a form names.
func (d *Dashboard) cache(form url.Values) (cachedata.AnyCache, error) {
	for _, g := range d.cfg.Caches {
		for _, c := range g.Caches() {
			if idOf(g.Name(), c.Name()) == form.Get("id") {
				return c, nil
			}
		}
	}
	return nil, errMissing
}

func (d *Dashboard) clearCache(ctx context.Context, form url.Values) (string, error) {
	c, err := d.cache(form)
	if err != nil {
		return "", err
	}
	return "cleared", c.Clear(ctx)
}

func (d *Dashboard) clearTag(ctx context.Context, form url.Values) (string, error) {
	c, err := d.cache(form)
	if err != nil {
		return "", err
	}
	tag := form.Get("tag")
	if tag == "" {
		return "", refusal(http.StatusBadRequest, "Name the tag that is to be cleared.", nil)
	}
	return "cleared", c.ClearTag(ctx, tag)
}

// entries returns the entries with the fingerprint that a form names: almost always one.
func (d *Dashboard) entries(form url.Values) (found []cachedata.EntryInfo, err error) {
	c, err := d.cache(form)
	if err != nil {
		return nil, err
	}
	for e := range c.Entries() {
		if fp, err := e.Fingerprint(); err == nil && fmt.Sprintf("%016x", fp) == form.Get("key") {
			found = append(found, e)
		}
	}
	return found, nil
}

func (d *Dashboard) deleteEntry(ctx context.Context, form url.Values) (string, error) {
	found, err := d.entries(form)
	for _, e := range found {
		err = errors.Join(err, e.Delete(ctx))
	}
	return outcome(found, "deleted"), err
}

func (d *Dashboard) refreshEntry(ctx context.Context, form url.Values) (string, error) {
	found, err := d.entries(form)
	for _, e := range found {
		err = errors.Join(err, e.Refresh(ctx))
	}
	return outcome(found, "refreshed"), err
}

// outcome returns done, a key of the messages, or "gone" if no entry was found.
func outcome(found []cachedata.EntryInfo, done string) string {
	if len(found) == 0 {
		return "gone"
	}
	return done
}

func (d *Dashboard) clearResource(ctx context.Context, form url.Values) (string, error) {
	for _, g := range d.cfg.Resources {
		for name := range g.Resources() {
			if idOf(g.Name(), name) == form.Get("id") {
				return "cleared", g.ClearBy(ctx, map[string][]string{"resource": {name}})
			}
		}
	}
	return "", errMissing
}

func (d *Dashboard) clearResponses(ctx context.Context, form url.Values) (string, error) {
	i := slices.IndexFunc(d.cfg.Responses, func(c *respcache.Cache) bool { return responsesID(c) == form.Get("id") })
	if i < 0 {
		return "", errMissing
	}
	return "cleared", d.cfg.Responses[i].Clear(ctx)
}

func (d *Dashboard) endSession(ctx context.Context, form url.Values) (string, error) {
	if d.cfg.Sessions == nil {
		return "", errMissing
	}
	_, err := d.cfg.Sessions.Users().End(ctx, form.Get("user"), form.Get("handle"))
	return "ended", err
}

func (d *Dashboard) revokeUser(ctx context.Context, form url.Values) (string, error) {
	if d.cfg.Sessions == nil {
		return "", errMissing
	}
	_, err := d.cfg.Sessions.Users().Revoke(ctx, form.Get("user"), nil)
	return "ended", err
}

// showUser shows the sessions of a user, whose name is never part of an address.
func (d *Dashboard) showUser(w http.ResponseWriter, r *http.Request, user, done string) {
	if d.cfg.Sessions == nil {
		d.refuse(w, r, refusal(http.StatusNotFound, "There are no sessions here.", errMissing))
		return
	}
	v := &sessionsView{User: user}
	list, err := d.cfg.Sessions.Users().List(r.Context(), user)
	switch {
	case errors.Is(err, sessionstate.ErrNoUsers):
		v.Problem = "Sessions in cookies cannot be listed. That needs a Config.Store."
	case err != nil:
		v.Problem = shorten(err.Error(), maxText)
	}
	v.More = max(len(list)-maxSessions, 0)
	v.List = list[v.More:] // the latest sessions
	q := r.URL.Query()
	q.Set("page", "sessions")
	q.Set("live", "off") // the result is not updated, because that would repeat the search
	q.Set("done", done)
	own := *r.URL
	own.RawQuery = q.Encode()
	again := r.WithContext(r.Context())
	again.URL = &own
	d.show(w, again, v)
}
