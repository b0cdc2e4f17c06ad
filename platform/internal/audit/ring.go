package audit

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/techmedaddy/vigil/platform/internal/durable"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// keySize is what HMAC-SHA-256 needs to be as strong as its hash, in bytes.
const keySize = 32

// idSize is the length of a key's id.
const idSize = 16

// maxRing bounds a key file, in bytes: some thousand keys.
const maxRing = 128 << 10

// Ring is the keys of an audit log. The first one makes links; the others made
// those of older records. Of a key that somebody said is lost only its id is
// there.
type Ring struct {
	path string
	keys []Key
	lost []string
}

// Load reads a key file; one that is not there is a ring without keys.
func Load(path string) (*Ring, error) {
	r := &Ring{path: path}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r, nil
	case err != nil:
		return nil, unreadable(path, err)
	case !info.Mode().IsRegular() || info.Size() > maxRing:
		return nil, unreadable(path, errors.New("want a small regular file"))
	case info.Mode().Perm()&0o077 != 0:
		return nil, vigil.Errorf(vigil.Unavailable, "audit_key_exposed", "the audit key %s is open to others (mode %04o)", path, info.Mode().Perm()).
			Hinted("chmod 600 %s; if somebody may have read it: vigil audit rekey", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	if err := r.read(string(text)); err != nil {
		return nil, unreadable(path, err)
	}
	return r, nil
}

func unreadable(path string, cause error) error {
	e := vigil.Errorf(vigil.Unavailable, "audit_key_unreadable", "the audit key %s cannot be read", path).
		Hinted("put the file back as it was, from where you keep a copy")
	e.Err = cause
	return e
}

// read understands the lines of a key file. Nothing of a line is repeated in an
// error: it may be a key.
func (r *Ring) read(text string) error {
	n := 0
	for line := range strings.Lines(text) {
		n++
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		rest = strings.TrimSpace(rest)
		switch {
		case word == "" || strings.HasPrefix(word, "#"):
		case word == "key":
			secret, err := hex.DecodeString(rest)
			if err != nil || len(secret) != keySize {
				return fmt.Errorf("line %d is no key of %d bytes in hexadecimal", n, keySize)
			}
			r.keys = append(r.keys, newKey(secret))
		case word == "lost" && len(rest) == idSize:
			r.lost = append(r.lost, rest)
		default:
			return fmt.Errorf("line %d is neither a key nor the id of a lost one", n)
		}
	}
	if len(r.keys) == 0 {
		return errors.New("it holds no key")
	}
	return nil
}

// Ready reports whether there is a key to make links with.
func (r *Ring) Ready() bool { return len(r.keys) > 0 }

// Path is the key file.
func (r *Ring) Path() string { return r.path }

// ID is the id of the key in force, "" if there is none.
func (r *Ring) ID() string {
	if len(r.keys) == 0 {
		return ""
	}
	return r.keys[0].ID
}

// Renew puts a new key in force, keeps the others for what they made, and
// writes the file. lost are ids of keys that nobody has any more. When it has
// returned an error the old file is still there.
func (r *Ring) Renew(lost ...string) error {
	secret := make([]byte, keySize)
	_, _ = rand.Read(secret) // documented never to fail
	next := &Ring{path: r.path, keys: append([]Key{newKey(secret)}, r.keys...), lost: slices.Clone(r.lost)}
	for _, id := range lost {
		if id != "" && !next.knows(id) && !slices.Contains(next.lost, id) {
			next.lost = append(next.lost, id)
		}
	}
	if err := next.save(); err != nil {
		return err
	}
	*r = *next
	return nil
}

// Adopt takes along the keys of another ring, which stay out of force.
func (r *Ring) Adopt(other *Ring) {
	for _, k := range other.keys {
		if !r.knows(k.ID) {
			r.keys = append(r.keys, k)
		}
	}
	for _, id := range other.lost {
		if !slices.Contains(r.lost, id) {
			r.lost = append(r.lost, id)
		}
	}
}

func (r *Ring) save() error {
	var b bytes.Buffer
	b.WriteString("# Vigil's audit key. Keep a copy of this file, but not where the database is kept.\n")
	for _, k := range r.keys {
		fmt.Fprintf(&b, "key %x\n", k.secret)
	}
	for _, id := range r.lost {
		fmt.Fprintf(&b, "lost %s\n", id)
	}
	err := os.MkdirAll(filepath.Dir(r.path), 0o700)
	if err == nil {
		err = durable.Replace(r.path, b.Bytes())
	}
	if err != nil {
		e := vigil.Errorf(vigil.Unavailable, "audit_key_unwritable", "the audit key %s cannot be written", r.path).
			Hinted("name a file in a directory that you may write, outside of the data directory: audit: {key: FILE}")
		e.Err = err
		return e
	}
	return nil
}

func (r *Ring) knows(id string) bool {
	return slices.ContainsFunc(r.keys, func(k Key) bool { return k.ID == id })
}

// gone reports whether somebody said that a key is lost, and it is.
func (r *Ring) gone(id string) bool { return !r.knows(id) && slices.Contains(r.lost, id) }

// Chain returns how the link of a record over the one before it is made, and
// the link.
func (r *Ring) Chain(prev []byte, rec vigil.AuditRecord) (alg string, link []byte) {
	k := r.keys[0]
	rec.Alg = k.alg()
	h := k.hasher()
	h.Write(appendKeyed(nil, prev, rec))
	return rec.Alg, h.Sum(nil)
}
