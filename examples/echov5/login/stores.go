// Code generated from login/stores.go by the steps of docs/echo-v5.md. DO NOT EDIT.

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/boltstore"
	"github.com/reecho-go/reecho/store/memstore"
	"github.com/reecho-go/reecho/store/redisstore"
)

// place says where sessions are kept: at most one of File and Redis is set.
type place struct {
	File   string // they outlive the program, in a file
	Redis  string // they are shared by several programs, on a server at this address
	Secret string // the file of the key that seals cookies
}

// keeping is a store with what belongs to it.
type keeping struct {
	store   store.Store
	secrets []sessionstate.Secret
	close   func(context.Context) error
}

// open opens the store. The caller closes it.
func (p place) open() (keeping, error) {
	switch {
	case p.File != "" && p.Redis != "":
		return keeping{}, errors.New("-file and -redis exclude each other: set one")
	case p.Redis != "" && p.Secret == "":
		return keeping{}, errors.New("-redis needs -secret: all programs that share the sessions must have the key that seals the cookies")
	case p.File != "" && p.Secret == "":
		p.Secret = p.File + ".secret"
	}
	secrets, err := p.secrets()
	if err != nil {
		return keeping{}, err
	}
	k := keeping{secrets: secrets}
	switch {
	case p.File != "":
		// Sessions must not be forgotten to make room for others.
		s, err := boltstore.New(p.File, boltstore.Config{Refuse: true})
		if err != nil {
			return keeping{}, err
		}
		k.store, k.close = s, s.Close
	case p.Redis != "":
		client, err := rueidis.NewClient(rueidis.ClientOption{
			InitAddress: []string{p.Redis}, DisableCache: true,
			ConnWriteTimeout: 2 * time.Second, // a server that does not answer is a 503, and not a page that hangs
		})
		if err != nil {
			return keeping{}, fmt.Errorf("redis at %s: %w", p.Redis, err)
		}
		k.close = func(context.Context) error {
			client.Close()
			return nil
		}
		if k.store, err = redisstore.New(client, redisstore.Config{Namespace: "login"}); err != nil {
			client.Close()
			return keeping{}, err
		}
	default:
		s, err := memstore.New(memstore.Config{})
		if err != nil {
			return keeping{}, err
		}
		k.store, k.close = s, s.Close
	}
	return k, nil
}

// secrets are those of the file, or one that ends with the program, as what is
// in memory does.
func (p place) secrets() ([]sessionstate.Secret, error) {
	if p.Secret != "" {
		return sessionstate.SecretFile(p.Secret)
	}
	return []sessionstate.Secret{{ID: "process", Key: []byte(rand.Text() + rand.Text())}}, nil
}
