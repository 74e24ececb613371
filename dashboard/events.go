package dashboard

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/reecho-go/reecho/observe"
)

// Events keeps the latest 300 events and, separately, the latest 20 notices, so that
// a flood of events does not displace the notices. It is an [observe.Observer] that
// never blocks. The zero value is ready to use. It is safe for concurrent use.
type Events struct {
	mu      sync.Mutex
	all     ring[event]
	notices ring[event]
}

const (
	maxEvents  = 300
	maxNotices = 20
)

// event holds the texts of an event. It does not hold the event, which may refer to more memory.
type event struct {
	At    time.Time
	Level slog.Level
	Kind  string
	Cache string // the cache that it is about, or empty
	Text  string
}

// Observe implements observe.Observer.
func (e *Events) Observe(_ context.Context, ev observe.Event) {
	entry := event{At: time.Now(), Level: observe.Level(ev), Kind: observe.Kind(ev)}
	var text strings.Builder
	for _, a := range observe.Attrs(ev) {
		if a.Key == "cache" {
			entry.Cache = a.Value.String()
			continue
		}
		if text.Len() > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(a.Key + "=" + a.Value.String())
		if text.Len() > maxText {
			break
		}
	}
	entry.Cache, entry.Text = shorten(entry.Cache, maxName), shorten(text.String(), maxText)
	e.mu.Lock()
	defer e.mu.Unlock()
	if notice, ok := ev.(observe.Notice); ok {
		entry.Text = shorten(notice.Owner+": "+notice.Text, maxText)
		e.notices.add(entry, maxNotices)
		return
	}
	e.all.add(entry, maxEvents)
}

// read returns the events and notices, the latest first.
func (e *Events) read() (all, notices []event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	all, notices = e.all.all(), e.notices.all()
	slices.Reverse(all)
	slices.Reverse(notices)
	return all, notices
}
