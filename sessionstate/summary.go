package sessionstate

import (
	"context"
	"crypto/sha256"

	"github.com/reecho-go/reecho/internal/visit"
)

var (
	_ visit.Summarizer = (*begun)(nil)
	_ visit.Summarizer = (*requestState)(nil)
)

// Summarize implements visit.Summarizer.
func (b *begun) Summarize(ctx context.Context) (sum, why string) {
	s, err := FromContext(ctx)
	if err != nil {
		return "", err.Error()
	}
	return s.summary()
}

// Summarize implements visit.Summarizer.
func (s *requestState) Summarize(context.Context) (sum, why string) { return s.summary() }

// summary returns a digest of the session's id, user and values, and of the changes that this
// request has made. It is the same for all visitors without a session. why says why there is
// no digest.
func (s *State) summary() (sum, why string) {
	if s.loadAll() != nil {
		return "", "the session cannot be read"
	}
	if sends(s.req.Header, s.m.flashName) {
		return "", "a flash message waits"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.scope != nil || len(s.scopes) > 0 {
		return "", "something is kept for the session"
	}
	h, at := s.current, make([]byte, 0, 256)
	h.seen = 1000 * h.created // visits do not count, because no code can read them
	if !s.base.known() {
		h.created, h.issued, h.seen = 0, 0, 0 // equal for all visitors without a session
	}
	for _, is := range []bool{
		s.base.known(), s.changes.renew, s.changes.create, s.clearSite, s.mustFail, s.endUnread, len(s.ended) > 0, len(s.endedIDs) > 0, len(s.flash.added) > 0,
	} {
		if is {
			at = append(at, 1)
		} else {
			at = append(at, 0)
		}
	}
	of := sha256.Sum256(h.append(append(at, s.base.id[:]...)))
	return string(of[:]), ""
}
