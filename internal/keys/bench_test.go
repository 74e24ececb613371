package keys_test

import (
	"strconv"
	"testing"

	"github.com/mitchellh/hashstructure/v2"

	"github.com/reecho-go/reecho/internal/keys"
)

type twoFields struct {
	ID   int64
	Name string
}

type eightFields struct {
	ID, Org    int64
	Name, City string
	Active     bool
	Score      float64
	Page       int
	Kind       uint8
}

type sixteenStrings struct {
	A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P string
}

type mixed struct {
	Tenant string
	Tags   []string
	IDs    []int
	Limit  *int
}

func mapOf16() map[string]string {
	m := map[string]string{}
	for i := range 16 {
		m["key-"+strconv.Itoa(i)] = "value-" + strconv.Itoa(i)
	}
	return m
}

func strings16() sixteenStrings {
	const s = "some-text"
	return sixteenStrings{s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s}
}

// BenchmarkKey makes the identity of a key, and hashes the same key with
// hashstructure for comparison.
func BenchmarkKey(b *testing.B) {
	benchKey(b, "int", 42)
	benchKey(b, "2fields", twoFields{42, "alice"})
	benchKey(b, "8fields", eightFields{ID: 1, Org: 2, Name: "alice", City: "Paris", Active: true, Score: 1.5, Page: 3, Kind: 4})
	benchKey(b, "16strings", strings16())
	benchKey(b, "map16", mapOf16())
	benchKey(b, "4KB", make([]byte, 4096))
	benchKey(b, "mixed", mixed{"acme", []string{"a", "b", "c"}, []int{1, 2, 3, 4}, new(10)})
	benchKey(b, "any", map[string]any{"name": "alice", "page": 1, "tags": []string{"a", "b"}, "score": 1.5})
}

func benchKey[K any](b *testing.B, name string, k K) {
	b.Run(name+"/canon", func(b *testing.B) {
		plan, err := planFor[K](keys.Config{})
		if err != nil {
			b.Fatal(err)
		}
		buf := make([]byte, 0, 8192)
		b.ReportAllocs()
		for b.Loop() {
			if plan.Shape() == keys.Word {
				plan.Word(&k)
				continue
			}
			if buf, err = plan.Append(buf[:0], &k); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run(name+"/hashstructure", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := hashstructure.Hash(k, hashstructure.FormatV2, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
