// Code generated from login/devices.go by the steps of docs/echo-v5.md. DO NOT EDIT.

package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/reecho-go/reecho/ctxinfo/client"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store"
)

// A device is a session of a user as the page lists it.
type device struct {
	Handle       string
	Name         string
	Since, Until string
	Here         bool
}

// deviceName is what a visitor calls the software of a request. The browser says
// it, so it helps the owner of an account to tell sessions apart, and proves nothing.
func deviceName(a client.Agent) string {
	// A browser can call itself anything.
	browser := []rune(a.Browser)
	browser = browser[:min(len(browser), 40)]
	switch {
	case len(browser) > 0 && a.Platform != "":
		return string(browser) + " on " + a.Platform
	case len(browser) > 0:
		return string(browser)
	case a.Platform != "":
		return "Unknown browser on " + a.Platform
	}
	return unknownDevice
}

const unknownDevice = "Unknown device"

// deviceNames keeps the names of devices beside the sessions, under the sessions'
// handles: those stay when a session gets a new id.
type deviceNames struct{ store store.Store }

func deviceKey(handle string) string { return "device/" + handle }

// keep notes the name of a session that ends within d.
func (n deviceNames) keep(ctx context.Context, handle, name string, d time.Duration) error {
	return n.store.Put(ctx, deviceKey(handle), store.Item{Value: []byte(name), Expires: time.Now().Add(d)})
}

// name is that of a session. A list without names is better than none, so a store
// that fails is logged.
func (n deviceNames) name(ctx context.Context, handle string) string {
	it, err := n.store.Get(ctx, deviceKey(handle))
	if err == nil {
		return string(it.Value)
	}
	if !errors.Is(err, store.ErrNotFound) {
		slog.WarnContext(ctx, "login: the name of a device cannot be read", "err", err)
	}
	return unknownDevice
}

// nameDevice keeps the name of the device that has just logged in. The session
// is saved for it, since only a saved one has its handle. Without a name the
// login is as good, so a store that fails here is logged.
func (a *app) nameDevice(ctx context.Context, s *sessionstate.State, agent client.Agent) error {
	if err := s.SaveNow(ctx); err != nil {
		return err
	}
	if err := a.names.keep(ctx, s.Handle(), deviceName(agent), month); err != nil {
		slog.WarnContext(ctx, "login: the name of a device cannot be stored", "err", err)
	}
	return nil
}

// devices lists where the user of a session is logged in.
func (a *app) devices(ctx context.Context, s *sessionstate.State) ([]device, error) {
	list, err := a.sessions.Users().List(ctx, s.User())
	if err != nil {
		return nil, err
	}
	devices := make([]device, 0, len(list))
	for _, info := range list {
		devices = append(devices, device{
			Handle: info.Handle, Name: a.names.name(ctx, info.Handle), Since: moment(info.Created), Until: moment(info.Deadline), Here: info.Handle == s.Handle(),
		})
	}
	return devices, nil
}

// moment is a time as the page shows it: the server does not know the visitor's zone.
func moment(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }
