package boltstore_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/boltstore"
)

// What is written is there again when the file is opened the next time.
func Example() {
	dir, err := os.MkdirTemp("", "boltstore")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path, ctx := filepath.Join(dir, "cache.db"), context.Background()

	s, err := boltstore.New(path, boltstore.Config{MaxBytes: 100 << 20})
	if err != nil {
		log.Fatal(err)
	}
	if err := s.Put(ctx, "greeting", store.Item{Value: []byte("hello"), Expires: time.Now().Add(time.Hour)}); err != nil {
		log.Fatal(err)
	}
	if err := s.Close(ctx); err != nil {
		log.Fatal(err)
	}

	s, err = boltstore.New(path, boltstore.Config{MaxBytes: 100 << 20})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = s.Close(ctx) }()
	it, err := s.Get(ctx, "greeting")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", it.Value)
	// Output: hello
}
