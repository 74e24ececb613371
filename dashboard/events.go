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

// Events keeps the latest events, 300 at most, and apart from them the latest
// notices, so that these are not pushed out. It is an [observe.Observer] that never
// blocks. The zero value is ready; it is safe for concurrent use.
type Events struct {
	mu      sync.Mutex
	all     ring[event]
	notices ring[event]
}

const (
	maxEvents  = 300
	maxNotices = 20
)

// event is what is kept of an event: its texts, and nothing that it refers to.
type event struct {
	At    time.Time
	Level slog.Level
	Kind  string
	Cache string // that it is about, or empty
	Text  string
}

// Observe implements observe.Observer.
func (e *Events) Observe(_ context.Context, ev observe.Event) {
	kept := event{At: time.Now(), Level: observe.Level(ev), Kind: observe.Kind(ev)}
	var text strings.Builder
	for _, a := range observe.Attrs(ev) {
		if a.Key == "cache" {
			kept.Cache = a.Value.String()
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
	kept.Cache, kept.Text = cut(kept.Cache, maxName), cut(text.String(), maxText)
	e.mu.Lock()
	defer e.mu.Unlock()
	if notice, ok := ev.(observe.Notice); ok {
		kept.Text = cut(notice.Owner+": "+notice.Text, maxText)
		e.notices.add(kept, maxNotices)
		return
	}
	e.all.add(kept, maxEvents)
}

// read returns what is kept, the latest first.
func (e *Events) read() (all, notices []event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	all, notices = e.all.all(), e.notices.all()
	slices.Reverse(all)
	slices.Reverse(notices)
	return all, notices
}
