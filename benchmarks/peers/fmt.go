package peers

import "fmt"

// FmtKey is the text that the verb %v makes of a key.
func FmtKey[K any](k K) (string, error) { return fmt.Sprintf("%v", k), nil }
