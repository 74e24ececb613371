package sessionstate

import (
	"encoding/json"
	"iter"
	"slices"
	"time"

	"github.com/reecho-go/reecho/internal/commit"
	"github.com/reecho-go/reecho/observe"
)

// flashAge is how long a message waits to be shown.
const flashAge = time.Hour

// flashBox is the content of the cookie of messages. It is a separate cookie in every mode,
// so that showing a message never writes the session, and a visitor without a session can
// get messages.
type flashBox struct {
	At       int64   `json:"a"` // Unix seconds
	Messages []Flash `json:"m"`
}

// all returns the messages of the cookie and those of this request.
func (f *flashState) all() []Flash { return slices.Concat(f.old, f.added) }

// rest returns the messages that remain for the next request.
func (f *flashState) rest() []Flash {
	return f.all()[f.shown:]
}

// discard undoes the changes of this request.
func (f *flashState) discard() { f.added, f.shown = nil, 0 }

// clear drops the messages of the cookie too.
func (f *flashState) clear() {
	f.discard()
	f.old = nil
}

// flashSuffix is added to the name of the session's cookie for the cookie of messages.
const flashSuffix = "-f"

func (s *State) loadFlash() error {
	if s.detached {
		return ErrNeedsResponse
	}
	if s.none {
		return s.load()
	}
	s.flash.loading.Do(func() {
		ctx := s.req.Context()
		late := commit.Request(ctx) != nil
		var messages []Flash
		had := false
		for value := range cookies(s.req.Header, s.m.flashName) {
			had = true
			if box, err := s.m.openFlash(value); err != nil {
				observe.Emit(ctx, s.m.observer, observe.SessionRefused{Reason: "flash: " + err.Error(), Size: len(value)})
			} else if age := time.Now().Unix() - box.At; age < int64(flashAge/time.Second) {
				messages = box.Messages
			}
			break
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.flash.loaded, s.flash.had, s.flash.old = true, had, messages
		if late {
			s.phase = frozen
		}
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isOpen() {
		return errCommitted
	}
	return nil
}

func (m *Manager) openFlash(value string) (flashBox, error) {
	var box flashBox
	plain, _, err := m.codec.open(boxFlash, m.flashName, value)
	if err == nil {
		err = json.Unmarshal(plain, &box)
	}
	return box, err
}

// Flash adds a message for the next page that reads [State.Flashes], here or
// after a redirect. The kind is the app's own, such as "info" or "warning". Messages wait for an hour at most, and are dropped with
// the other changes of a request that fails. All of them share one cookie:
// [ErrTooLarge] says that it is full. [middleware.ErrCommitted] says that the headers have been sent.
func (s *State) Flash(kind, text string) error {
	if err := s.loadFlash(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	added := append(s.flash.added[:len(s.flash.added):len(s.flash.added)], Flash{kind, text})
	plain, err := json.Marshal(flashBox{At: time.Now().Unix(), Messages: slices.Concat(s.flash.old, added)})
	if err != nil {
		return &valueError{typ: "Flash", err: err}
	}
	if n := len(s.m.flashName) + sealedLen(len(plain)); n > maxCookie {
		return &sizeError{size: n, limit: maxCookie}
	}
	s.flash.added = added
	return nil
}

// Flashes yields the messages that were not shown yet, oldest first: those of earlier
// requests and those of this one. Each is yielded once. The messages that were yielded
// are deleted when this response is sent, unless its status is 5xx. Two concurrent
// requests may both get the same message.
//
// Call it before the response is written. Afterwards the cookie of messages cannot be
// changed any more, so nothing is yielded.
func (s *State) Flashes() iter.Seq[Flash] {
	return func(yield func(Flash) bool) {
		if s.loadFlash() != nil {
			return
		}
		for {
			s.mu.Lock()
			all := s.flash.all()
			if !s.isOpen() || s.flash.shown >= len(all) {
				s.mu.Unlock()
				return
			}
			f := all[s.flash.shown]
			s.flash.shown++
			s.mu.Unlock()
			if !yield(f) {
				return
			}
		}
	}
}

// flashCookie returns the value of the cookie of messages, and whether the response must set
// it. An empty value deletes the cookie. The caller holds the lock.
func (s *State) flashCookie() (value string, needed bool) {
	f := &s.flash
	if !f.loaded {
		return "", false
	}
	rest := f.rest()
	switch {
	case len(rest) == 0:
		return "", f.had
	case len(f.added) == 0 && len(rest) == len(f.old):
		return "", false
	}
	plain, err := json.Marshal(flashBox{At: time.Now().Unix(), Messages: rest})
	if err != nil { // cannot happen: Flash has encoded each of them
		return "", false
	}
	return s.m.codec.seal(boxFlash, s.m.flashName, plain), true
}
