package peers

import "github.com/mitchellh/hashstructure/v2"

// HashstructureKey is the hash of mitchellh/hashstructure.
func HashstructureKey[K any](k K) (uint64, error) {
	return hashstructure.Hash(k, hashstructure.FormatV2, nil)
}
