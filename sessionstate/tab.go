package sessionstate

import (
	"crypto/rand"
	"strings"
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

// tabMark separates the names in an entry: the value of a key in a tab has the key's name,
// tabMark and the tab's name. The entry of tabMark and the tab's name alone has the time when
// the tab last wrote.
const tabMark = "\x00"

// newTabName returns a name that no other tab of the session has.
func newTabName() string {
	b := make([]byte, 9)
	rand.Read(b) // never fails
	return encoding.EncodeToString(b)
}

// isTabName reports whether a client may give a tab this name.
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

// splitTab returns the names of the key and the tab in the name of an entry.
func splitTab(entry string) (key, tab string) {
	key, tab, _ = strings.Cut(entry, tabMark)
	return key, tab
}

// oldestTab returns the mark of the tab that must make room for another one, or "" if there is
// room.
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
