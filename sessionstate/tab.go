package sessionstate

import (
	"crypto/rand"
	"crypto/sha256"
	"strconv"
	"strings"
	"time"
)

// Where [Tab] looks for the name.
const (
	tabHeader = "X-Tab-Id"
	tabField  = "tab"
)

const (
	// maxTabName is enough for a UUID.
	maxTabName = 36

	// maxTabs is how many tabs of a session have values of their own.
	maxTabs = 8
)

// A tab's value of a key is kept under the key's name, tabMark, and the tab's
// name. Under tabMark and the tab's name alone stands when the tab last wrote.
const tabMark = "\x00"

// newTabName returns a name that no other tab of the session has.
func newTabName() string {
	b := make([]byte, 9)
	rand.Read(b) // never fails
	return encoding.EncodeToString(b)
}

// isTabName reports whether a client may call a tab so.
func isTabName(tab string) bool {
	if tab == "" || len(tab) > maxTabName {
		return false
	}
	for _, c := range []byte(tab) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// In returns the key in one tab: the same name, type and default, with a value
// that only this tab of the session has. It is cheap. The hooks of the key are
// called for its tabs too.
//
// The values live in the session like all others. The eight tabs that wrote
// last keep theirs; one more takes those of the tab that has not written for
// longest, without calling hooks. [State.Keys] and [State.Snapshot] leave tabs
// out, [State.Clear] clears them too.
func (k *Key[T]) In(tab string) *Key[T] {
	if !isTabName(tab) { // not from Tab: any text will do
		sum := sha256.Sum256([]byte(tab))
		tab = encoding.EncodeToString(sum[:12])
	}
	in := *k
	in.name = k.Name() + tabMark + tab
	return &in
}

// splitTab takes the name of an entry apart.
func splitTab(entry string) (key, tab string) {
	key, tab, _ = strings.Cut(entry, tabMark)
	return key, tab
}

// wrote notes that a tab has a value, and makes room for a new one.
func (s *State) wrote(tab string) error {
	mark := tabMark + tab
	now := time.Now().Unix() / 60
	s.mu.Lock()
	last, known := s.cur.find(mark)
	drop := ""
	if !known {
		drop = s.cur.oldestTab()
	}
	entries := s.cur.entries
	s.mu.Unlock()
	if known && last.raw == strconv.FormatInt(now, 10) {
		return nil
	}
	if drop != "" {
		for _, e := range entries {
			if strings.HasSuffix(e.name, drop) {
				// One that has just been changed stays, until the next tab comes.
				if _, _, err := s.put(e.name, edit{}, e, true, entry{}, false); err != nil {
					return err
				}
			}
		}
	}
	_, err := s.edit(mark, edit{entry: entry{name: mark, raw: strconv.FormatInt(now, 10)}, present: true})
	return err
}

// oldestTab returns the mark of the tab that has to make room for another, or
// nothing while there is room.
func (r *record) oldestTab() string {
	tabs, oldest, since := 0, "", ""
	for _, e := range r.entries {
		if !strings.HasPrefix(e.name, tabMark) {
			continue
		}
		tabs++
		if oldest == "" || len(e.raw) < len(since) || len(e.raw) == len(since) && e.raw < since {
			oldest, since = e.name, e.raw
		}
	}
	if tabs < maxTabs {
		return ""
	}
	return oldest
}
