package minisign

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// The names of algorithms in minisign's files.
const (
	algKey    = "Ed"       // an Ed25519 key
	algHashed = "ED"       // Ed25519 over BLAKE2b-512
	algNoKDF  = "\x00\x00" // a secret key without a password
	algSum    = "B2"
)

// maxFile bounds a key or signature file, in bytes.
const maxFile = 4 << 10

// The layout of a secret key: three algorithms, salt and two limits of the
// password's hash, then the key's number, the key and a checksum.
const (
	secretHead = 2 + 2 + 2 + 32 + 8 + 8
	secretSize = secretHead + 8 + ed25519.PrivateKeySize + 32
)

// KeyID is a key's number, which a signature names.
type KeyID [8]byte

// String renders the number as minisign does, without leading zeros.
func (id KeyID) String() string { return fmt.Sprintf("%X", binary.LittleEndian.Uint64(id[:])) }

// PublicKey verifies.
type PublicKey struct {
	ID  KeyID
	key ed25519.PublicKey
}

// ParsePublicKey reads a public key: the one line that begins with RW, or the
// file that has it in its second line.
func ParsePublicKey(text string) (PublicKey, error) {
	raw, err := secondLine(text, true)
	if err != nil || len(raw) != 2+8+ed25519.PublicKeySize || string(raw[:2]) != algKey {
		return PublicKey{}, vigil.Errorf(vigil.Invalid, "key_invalid", "this is no public key of minisign").
			Hinted("it is one line that begins with RW; vigil module keygen makes one")
	}
	return PublicKey{ID: KeyID(raw[2:10]), key: ed25519.PublicKey(raw[10:])}, nil
}

// String renders the key as one line.
func (k PublicKey) String() string {
	return base64.StdEncoding.EncodeToString(bytes.Join([][]byte{[]byte(algKey), k.ID[:], k.key}, nil))
}

// File renders the key as minisign keeps it.
func (k PublicKey) File() []byte {
	return fmt.Appendf(nil, "untrusted comment: minisign public key %s\n%s\n", k.ID, k)
}

// SecretKey signs.
type SecretKey struct {
	id  KeyID
	key ed25519.PrivateKey
}

// NewKey makes a key.
func NewKey() (SecretKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return SecretKey{}, fmt.Errorf("make key: %w", err)
	}
	k := SecretKey{key: key}
	_, err = rand.Read(k.id[:])
	return k, err
}

// ParseSecretKey reads a secret key file that has no password.
func ParseSecretKey(text string) (SecretKey, error) {
	raw, err := secondLine(text, false)
	if err != nil || len(raw) != secretSize || string(raw[:2]) != algKey {
		return SecretKey{}, vigil.Errorf(vigil.Invalid, "key_invalid", "this is no secret key of minisign").
			Hinted("vigil module keygen makes one")
	}
	if string(raw[2:4]) != algNoKDF {
		return SecretKey{}, vigil.Errorf(vigil.Invalid, "key_locked", "this secret key has a password").
			Hinted("sign with minisign -S -m FILE; vigil module push takes the FILE.minisig that it writes")
	}
	return SecretKey{id: KeyID(raw[secretHead:]), key: ed25519.PrivateKey(raw[secretHead+8 : secretHead+8+ed25519.PrivateKeySize])}, nil
}

// Public returns the key that verifies what this one signs.
func (k SecretKey) Public() PublicKey {
	return PublicKey{ID: k.id, key: ed25519.PublicKey(k.key[ed25519.PrivateKeySize-ed25519.PublicKeySize:])}
}

// File renders the key as minisign keeps one without a password.
func (k SecretKey) File() []byte {
	raw := make([]byte, secretSize)
	copy(raw, algKey+algNoKDF+algSum)
	copy(raw[secretHead:], k.id[:])
	copy(raw[secretHead+8:], k.key)
	return fmt.Appendf(nil, "untrusted comment: minisign secret key without a password\n%s\n", base64.StdEncoding.EncodeToString(raw))
}

// secondLine decodes the base64 below an untrusted comment, or alone where that
// is allowed.
func secondLine(text string, alone bool) ([]byte, error) {
	text = strings.TrimSpace(strings.ReplaceAll(text[:min(len(text), maxFile)], "\r\n", "\n"))
	first, second, two := strings.Cut(text, "\n")
	switch {
	case two && strings.HasPrefix(first, untrusted) && !strings.Contains(second, "\n"):
		return base64.StdEncoding.Strict().DecodeString(second)
	case !two && alone:
		return base64.StdEncoding.Strict().DecodeString(first)
	}
	return nil, vigil.Errorf(vigil.Invalid, "key_invalid", "want a comment and a line of base64")
}
