package memstore_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/memstore"
)

const benchKeys = 1 << 12

func filled(b *testing.B, c memstore.Config, size int, expires time.Time) (*memstore.Store, []string) {
	b.Helper()
	s := open(b, c)
	keys := make([]string, benchKeys)
	for i := range keys {
		keys[i] = fmt.Sprintf("session:%032d", i)
		if err := s.Put(b.Context(), keys[i], store.Item{Value: make([]byte, size), Expires: expires}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	return s, keys
}

func BenchmarkGet(b *testing.B) {
	for _, size := range []int{0, 300, 4096} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			s, keys := filled(b, memstore.Config{}, size, time.Now().Add(time.Hour))
			ctx := context.Background()
			for i := 0; b.Loop(); i++ {
				if _, err := s.Get(ctx, keys[i%benchKeys]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("absent", func(b *testing.B) {
		s, _ := filled(b, memstore.Config{}, 0, time.Time{})
		ctx := context.Background()
		for b.Loop() {
			if _, err := s.Get(ctx, "absent"); err == nil {
				b.Fatal("found")
			}
		}
	})
	b.Run("300B/parallel", func(b *testing.B) {
		s, keys := filled(b, memstore.Config{}, 300, time.Now().Add(time.Hour))
		b.RunParallel(func(pb *testing.PB) {
			ctx := context.Background()
			for i := 0; pb.Next(); i++ {
				if _, err := s.Get(ctx, keys[i%benchKeys]); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

func BenchmarkPut(b *testing.B) {
	value := make([]byte, 300)
	b.Run("overwrite", func(b *testing.B) {
		s, keys := filled(b, memstore.Config{}, 300, time.Time{})
		ctx := context.Background()
		for i := 0; b.Loop(); i++ {
			if err := s.Put(ctx, keys[i%benchKeys], store.Item{Value: value}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("sliding deadline", func(b *testing.B) {
		s, keys := filled(b, memstore.Config{}, 300, time.Now().Add(time.Hour))
		ctx := context.Background()
		for i := 0; b.Loop(); i++ {
			it := store.Item{Value: value, Expires: time.Now().Add(time.Hour)}
			if err := s.Put(ctx, keys[i%benchKeys], it); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("evicting", func(b *testing.B) {
		s, keys := filled(b, memstore.Config{MaxEntries: benchKeys / 2}, 300, time.Time{})
		ctx := context.Background()
		for i := 0; b.Loop(); i++ {
			if err := s.Put(ctx, keys[i%benchKeys], store.Item{Value: value}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkSwap(b *testing.B) {
	s, keys := filled(b, memstore.Config{}, 300, time.Now().Add(time.Hour))
	ctx := context.Background()
	for i := 0; b.Loop(); i++ {
		it, err := s.Get(ctx, keys[i%benchKeys])
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Swap(ctx, keys[i%benchKeys], it.Version, it); err != nil {
			b.Fatal(err)
		}
	}
}
