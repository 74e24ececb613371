package sessionstate

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"

	"github.com/reecho-go/reecho/middleware"
)

// Where [Manager.CSRF] looks for the token.
const (
	csrfHeader = "X-Csrf-Token"
	csrfField  = "csrf_token"
)

// ErrCSRF says that a request has no token of its own session. It answers 403.
var ErrCSRF error = csrfError{}

type csrfError struct{}

var _ middleware.Error = csrfError{}

func (csrfError) Error() string {
	return "sessionstate: the CSRF token is missing or not of this session"
}
func (csrfError) StatusCode() int { return http.StatusForbidden }

// Problem implements the toolkit's error interface.
func (csrfError) Problem() middleware.Problem {
	return middleware.Problem{Detail: "This form has expired. Reload the page and try again."}
}

// csrfSize is the size of a token's two halves: a mask, and the masked MAC.
const csrfSize = 16

// CSRFToken returns a token for the forms of this visitor. It is bound to the
// session's id, so it is worthless in another session and after the session's
// end, Login and Renew: ask for it after those. It stays valid when
// Config.Lifetime.RenewEvery changes the id. Every call returns a different text,
// so that the size of compressed pages does not reveal the token (BREACH). A visitor
// without a session gets one, with its cookie: [middleware.ErrCommitted] says that it is
// too late for that.
func (s *State) CSRFToken() (string, error) {
	if err := s.load(); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.base
	if !s.base.known() || s.changes.renew {
		if !s.isOpen() {
			return "", errCommitted
		}
		if s.detached {
			return "", ErrNeedsResponse
		}
		of, s.changes.create = snapshot{id: s.chooseNextID()}, true
	}
	token := make([]byte, 2*csrfSize)
	mask, masked := token[:csrfSize], token[csrfSize:]
	rand.Read(mask) // never fails
	subtle.XORBytes(masked, csrfMAC(s.m.csrfKeys[0], of.root()), mask)
	return encoding.EncodeToString(token), nil
}

func csrfMAC(key []byte, root string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(root))
	return mac.Sum(nil)[:csrfSize]
}

// VerifyCSRF returns nil if token was made by [State.CSRFToken] for the session
// that the request came with, and [ErrCSRF] otherwise, or the error of loading
// the session.
func (s *State) VerifyCSRF(token string) error {
	if err := s.load(); err != nil {
		return err
	}
	s.mu.Lock()
	base := s.base
	if len(s.ended) > 0 {
		base = s.ended[0]
	}
	s.mu.Unlock()
	if !base.known() || len(token) != encoding.EncodedLen(2*csrfSize) {
		return ErrCSRF
	}
	raw, err := encoding.DecodeString(token)
	if err != nil || len(raw) != 2*csrfSize {
		return ErrCSRF
	}
	got := make([]byte, csrfSize)
	subtle.XORBytes(got, raw[:csrfSize], raw[csrfSize:])
	for _, key := range s.m.csrfKeys {
		if hmac.Equal(got, csrfMAC(key, base.root())) {
			return nil
		}
	}
	return ErrCSRF
}
