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

	"github.com/reecho-go/reecho/internal/linewise"
)

// minSecret is the smallest size of a secret in bytes.
const minSecret = 32

// maxSecrets is the largest number of secrets.
const maxSecrets = 16

// Secret is a master key with a name. Cookies carry one byte of a digest of
// the name, so that the right key is found at once; keys that share that byte
// are tried one after the other.
type Secret struct {
	// ID names the key, such as "2026-11". It is not secret. Required.
	ID string
	// Key is at least 32 random bytes, from crypto/rand or [SecretFile]. What
	// shows that it was typed is refused: a short pattern that repeats, few
	// different bytes, a text with spaces, words such as "changeme". Required.
	Key []byte
}

// kid returns the byte of the ID's digest that cookies carry.
func (s Secret) kid() byte {
	sum := sha256.Sum256([]byte("sessionstate/kid/" + s.ID))
	return sum[0]
}

// Format implements fmt.Formatter: every verb shows the ID alone.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.redacted()) }

// MarshalText shows the ID alone, so that JSON, and logs in it, hold no key.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.redacted()), nil }

// LogValue implements slog.LogValuer: it shows the ID alone.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.redacted()) }

func (s Secret) redacted() string { return "Secret(" + s.ID + ")" }

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
			bad(i, "the ID is empty: give each key a name, such as the month in which it was made")
		case len(s.Key) < minSecret:
			bad(i, "the key has %d bytes, at least %d are needed: read them from crypto/rand", len(s.Key), minSecret)
		default:
			if fault := guessable(s.Key); fault != "" {
				bad(i, "%s: read it from crypto/rand", fault)
			}
		}
		for j, earlier := range secrets[:i] {
			if s.ID == earlier.ID {
				bad(i, "the ID is that of Secrets[%d] too: give each key its own", j)
			}
			if len(s.Key) > 0 && bytes.Equal(s.Key, earlier.Key) {
				bad(i, "the key is that of Secrets[%d] too: make a new one", j)
			}
		}
	}
	return errors.Join(errs...)
}

// placeholders are words that people write instead of a key. A random key in a usual encoding
// contains one of them about once in ten million times.
var placeholders = []string{"changeme", "changethis", "password", "passw0rd", "passphrase", "secret", "default", "example", "placeholder", "insecure", "replaceme", "qwerty", "letmein"}

// guessable returns a sign that the key was typed, or "" if it finds none, without showing the
// key. A key that it accepts may still be guessable.
func guessable(key []byte) string {
	var distinct [256]bool
	kinds, printable := 0, true
	for _, b := range key {
		if !distinct[b] {
			distinct[b] = true
			kinds++
		}
		printable = printable && b >= ' ' && b <= '~'
	}
	if kinds == 1 {
		return "all bytes of the key are the same"
	}
	for period := 2; period <= len(key)/2; period++ {
		if bytes.Equal(key[period:], key[:len(key)-period]) {
			return fmt.Sprintf("the key repeats %d bytes", period)
		}
	}
	if kinds < 8 {
		return fmt.Sprintf("the key has only %d different bytes", kinds)
	}
	counted := 0
	for i, b := range key[1:] {
		if b == key[i]+1 {
			counted++
		}
	}
	if counted > len(key)/2 {
		return "the key counts up, as the alphabet does"
	}
	if printable && bytes.IndexByte(key, ' ') >= 0 {
		return "the key is a text with spaces, not random bytes"
	}
	letters := bytes.Map(func(r rune) rune {
		if strings.ContainsRune("-_. ", r) {
			return -1
		}
		return r
	}, bytes.ToLower(key))
	for _, word := range placeholders {
		if bytes.Contains(letters, []byte(word)) {
			return fmt.Sprintf("the key contains %q", word)
		}
	}
	return ""
}

// randomSecret returns a random key.
func randomSecret() Secret {
	key := make([]byte, minSecret)
	rand.Read(key) // never fails
	return Secret{ID: "process", Key: key}
}

// SecretFile reads the secrets from the file at path; if there is none, it
// makes one with a new random key of 32 bytes, readable by its owner alone. The
// folder must exist: a missing one is refused, since the path may be wrong, and a
// new key ends all sessions. Of several processes that start at once, one makes the
// file and all use it. The file appears complete or not at all; the file system
// must support hard links.
//
// The file has a line for each key: its ID, a space, and the key in base64url
// without padding. Empty lines and those that start with # are skipped. To
// rotate, put a new line first and keep the others for as long as sessions
// made with them may live.
//
// A file that others may read or write is refused, and one that belongs to
// another user than the process's or root, who could read it and put other keys
// in (neither is checked on Windows).
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
	if owner, known := ownerOf(info); known && owner != 0 && owner != os.Geteuid() {
		return nil, fmt.Errorf("sessionstate: secret file %s belongs to the user %d, who could read and change it, and the process runs as %d: chown it, and make new keys if somebody may have read it", path, owner, os.Geteuid())
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
		id, text, two := strings.Cut(line, " ")
		key, err := encoding.DecodeString(strings.TrimSpace(text))
		if err != nil || !two { // the message leaves out err and the ID, which may contain the key
			return nil, fmt.Errorf("sessionstate: secret file %s, line %d: want an ID, a space and a key in base64url without padding; name a file that is not there yet to have one made", path, number)
		}
		secrets = append(secrets, Secret{ID: id, Key: key})
	}
	if len(secrets) == 0 {
		return nil, fmt.Errorf("sessionstate: secret file %s holds no key: delete it to get a new one", path)
	}
	if err := checkSecrets(secrets); err != nil {
		return nil, linewise.Prefix("sessionstate: secret file "+path+": ", err, "sessionstate: Config.")
	}
	return secrets, nil
}

// createSecrets writes the file under another name and links it into place. If another process
// was faster, its file stays.
func createSecrets(path string) error {
	dir := filepath.Dir(path)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the folder %s does not exist: make it, for the process's user alone, or correct the path: %w", dir, err)
	}
	s := randomSecret()
	s.ID = time.Now().UTC().Format("2006-01-02")
	tmp, err := os.CreateTemp(dir, filepath.Base(path)+".*") // O_EXCL, mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // may fail: the file is private
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
