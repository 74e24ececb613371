package sessionstate

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// minSecret is the least a secret may have, in bytes.
const minSecret = 32

// maxSecrets bounds a rotation.
const maxSecrets = 16

// Secret is a master key with a name. Cookies carry one byte of a digest of
// the name, so that the right key is found at once.
type Secret struct {
	// ID names the key, such as "2026-11". It is not secret. Required.
	ID string
	// Key is at least 32 random bytes, from crypto/rand or [SecretFile].
	// Required.
	Key []byte
}

// kid is what cookies carry of the ID.
func (s Secret) kid() byte {
	sum := sha256.Sum256([]byte("sessionstate/kid/" + s.ID))
	return sum[0]
}

// String shows the ID alone.
func (s Secret) String() string { return "Secret(" + s.ID + ")" }

// Format implements fmt.Formatter: every verb shows the ID alone.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText shows the ID alone, so that JSON, and logs in it, hold no key.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue implements slog.LogValuer: it shows the ID alone.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// checkSecrets finds everything that is wrong with a list of secrets.
func checkSecrets(secrets []Secret) error {
	var errs []error
	bad := func(i int, format string, args ...any) {
		errs = append(errs, fmt.Errorf("sessionstate: Config.Secrets[%d] (ID %q): %s", i, secrets[i].ID, fmt.Sprintf(format, args...)))
	}
	if len(secrets) > maxSecrets {
		errs = append(errs, fmt.Errorf("sessionstate: Config.Secrets has %d keys, at most %d are allowed: remove the oldest", len(secrets), maxSecrets))
	}
	for i, s := range secrets {
		switch {
		case s.ID == "":
			bad(i, "the ID is empty: give each key a name, such as the month of its birth")
		case len(s.Key) < minSecret:
			bad(i, "the key has %d bytes, at least %d are needed: read them from crypto/rand", len(s.Key), minSecret)
		case bytes.Count(s.Key, s.Key[:1]) == len(s.Key):
			bad(i, "all bytes of the key are the same: read them from crypto/rand")
		}
		for j, earlier := range secrets[:i] {
			switch {
			case s.ID == earlier.ID:
				bad(i, "the ID is that of Secrets[%d] too: give each key its own", j)
			case s.kid() == earlier.kid():
				bad(i, "the ID has the same one-byte digest as %q: choose another ID", earlier.ID)
			}
			if len(s.Key) > 0 && bytes.Equal(s.Key, earlier.Key) {
				bad(i, "the key is that of Secrets[%d] too: make a new one", j)
			}
		}
	}
	return errors.Join(errs...)
}

// randomSecret is a key that lives as long as the process.
func randomSecret() Secret {
	key := make([]byte, minSecret)
	rand.Read(key) // never fails
	return Secret{ID: "process", Key: key}
}

// SecretFile reads the secrets from the file at path; if there is none, it
// makes one with a new random key of 32 bytes, readable by its owner alone, and
// the missing folders above it. Of several processes that start at once, one
// makes the file and all use it. The file appears complete or not at all; the
// file system must know hard links.
//
// The file has a line for each key: its ID, a space, and the key in base64url
// without padding. Empty lines and those that start with # are skipped. To
// rotate, put a new line first and keep the others for as long as sessions
// made with them may live.
//
// A file that others may read or write is refused (not checked on Windows).
func SecretFile(path string) ([]Secret, error) {
	secrets, err := readSecrets(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secrets, err
	}
	if err := createSecrets(path); err != nil {
		return nil, fmt.Errorf("sessionstate: make the secret file: %w", err)
	}
	return readSecrets(path)
}

func readSecrets(path string) ([]Secret, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("sessionstate: secret file: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("sessionstate: secret file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("sessionstate: secret file %s is not a regular file", path)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("sessionstate: secret file %s has mode %04o: others could use it; chmod it to 0600, and make new keys if somebody may have read it", path, perm)
	}
	const limit = 1 << 16
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("sessionstate: secret file: %w", err)
	}
	if len(text) > limit {
		return nil, fmt.Errorf("sessionstate: secret file %s is larger than %d bytes", path, limit)
	}
	var secrets []Secret
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		id, text, _ := strings.Cut(line, " ")
		key, err := encoding.DecodeString(strings.TrimSpace(text))
		if err != nil { // err may quote the key: it is left out
			return nil, fmt.Errorf("sessionstate: secret file %s, line %d: want an ID, a space and a key in base64url without padding", path, number)
		}
		secrets = append(secrets, Secret{ID: id, Key: key})
	}
	if len(secrets) == 0 {
		return nil, fmt.Errorf("sessionstate: secret file %s holds no key: delete it to get a new one", path)
	}
	if err := checkSecrets(secrets); err != nil {
		return nil, fmt.Errorf("sessionstate: secret file %s: %w", path, err)
	}
	return secrets, nil
}

// createSecrets writes the file under another name and links it into place,
// which fails if somebody else was faster: then theirs is used.
func createSecrets(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	s := randomSecret()
	s.ID = time.Now().UTC().Format("2006-01-02")
	tmp, err := os.CreateTemp(dir, filepath.Base(path)+".*") // O_EXCL, mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // if it stays, it is as private as the file
	_, err = fmt.Fprintf(tmp, "%s %s\n", s.ID, encoding.EncodeToString(s.Key))
	if err == nil {
		err = tmp.Sync()
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
