// Code generated from login/accounts.go by the steps of docs/echo-v5.md. DO NOT EDIT.

package main

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"golang.org/x/time/rate"
)

// rounds of PBKDF2 with SHA-256, as OWASP's Password Storage Cheat Sheet asks.
const rounds = 600_000

// Tries of one name: so many at once, then one every so often. What counts is
// the name that was typed, whether there is such an account or not: who asks
// learns nothing from being refused.
const (
	tries    = 5
	oneEvery = 10 * time.Second
)

// account is what is kept of a password.
type account struct {
	salt [16]byte
	hash []byte
}

func newAccount(password string, rounds int) (account, error) {
	var a account
	rand.Read(a.salt[:]) // never fails
	var err error
	a.hash, err = pbkdf2.Key(sha256.New, password, a.salt[:], rounds, sha256.Size)
	return a, err
}

// accounts checks passwords. It is safe for concurrent use.
type accounts struct {
	rounds int
	byName map[string]account
	nobody account // stands for names without an account, so that they take as long
	seed   maphash.Seed
	limits [1024]*rate.Limiter // by a digest of the name: few names share one
	hashes chan struct{}       // held while hashing, so that logins cannot take all processors
}

func newAccounts(passwords map[string]string, rounds int) (*accounts, error) {
	a := &accounts{rounds: rounds, byName: make(map[string]account), seed: maphash.MakeSeed(), hashes: make(chan struct{}, 2)}
	for i := range a.limits {
		a.limits[i] = rate.NewLimiter(rate.Every(oneEvery), tries)
	}
	var err error
	if a.nobody, err = newAccount(rand.Text(), rounds); err != nil {
		return nil, err
	}
	for name, password := range passwords {
		if a.byName[name], err = newAccount(password, rounds); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// errWrong does not say which of the two.
var errWrong = errors.New("the name or the password is wrong")

// tooManyError says how long to wait.
type tooManyError struct{ wait time.Duration }

func (e tooManyError) Error() string {
	return fmt.Sprintf("too many tries: wait %d seconds", e.seconds())
}

func (e tooManyError) seconds() int { return int(e.wait/time.Second) + 1 }

// check is nil if the password is that of the name. Otherwise it is errWrong,
// a tooManyError, or ctx's error.
func (a *accounts) check(ctx context.Context, name, password string) error {
	limit := a.limits[maphash.String(a.seed, name)%uint64(len(a.limits))]
	try := limit.Reserve()
	if wait := try.Delay(); wait > 0 {
		try.Cancel()
		return tooManyError{wait}
	}
	select {
	case a.hashes <- struct{}{}:
		defer func() { <-a.hashes }()
	case <-ctx.Done():
		return ctx.Err()
	}
	known, ok := a.byName[name]
	if !ok {
		known = a.nobody
	}
	hash, err := pbkdf2.Key(sha256.New, password, known.salt[:], a.rounds, sha256.Size)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(hash, known.hash) != 1 || !ok {
		return errWrong
	}
	return nil
}
