package minisign

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/blake2b"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// What the lines of a signature begin with.
const (
	untrusted = "untrusted comment: "
	trusted   = "trusted comment: "
)

// Signature is a parsed .minisig file. Nothing of it is true until a key has
// verified it.
type Signature struct {
	ID      KeyID  // of the key that made it, as it says
	Comment string // the trusted comment
	sig     []byte
	global  []byte // over sig and Comment
}

// ParseSignature reads a .minisig file.
func ParseSignature(text string) (Signature, error) {
	bad := func(format string, args ...any) (Signature, error) {
		return Signature{}, vigil.Errorf(vigil.Invalid, "signature_invalid", "signature: "+format, args...)
	}
	if len(text) > maxFile {
		return bad("%d bytes, at most %d", len(text), maxFile)
	}
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], untrusted) || !strings.HasPrefix(lines[2], trusted) {
		return bad("want the four lines of a .minisig file")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(lines[1])
	if err != nil || len(raw) != 2+8+ed25519.SignatureSize {
		return bad("the second line is none")
	}
	if string(raw[:2]) != algHashed {
		return bad("of algorithm %q, want %q; sign again with a newer minisign", raw[:2], algHashed)
	}
	global, err := base64.StdEncoding.Strict().DecodeString(lines[3])
	if err != nil || len(global) != ed25519.SignatureSize {
		return bad("the fourth line is none")
	}
	return Signature{ID: KeyID(raw[2:10]), Comment: strings.TrimPrefix(lines[2], trusted), sig: raw[10:], global: global}, nil
}

// Verify reports why a signature does not stand for the file, nil if it does.
func (k PublicKey) Verify(file []byte, s Signature) error {
	sum := blake2b.Sum512(file)
	switch {
	case s.ID != k.ID:
		return vigil.Errorf(vigil.Invalid, "signature_untrusted", "signed by key %s, not by %s", s.ID, k.ID)
	case !ed25519.Verify(k.key, sum[:], s.sig):
		return vigil.Errorf(vigil.Invalid, "signature_invalid", "the signature of key %s is not one of these bytes", k.ID)
	case !ed25519.Verify(k.key, bytes.Join([][]byte{s.sig, []byte(s.Comment)}, nil), s.global):
		return vigil.Errorf(vigil.Invalid, "signature_invalid", "the comment of the signature of key %s was changed", k.ID)
	}
	return nil
}

// Sign returns the .minisig file for a file.
func (k SecretKey) Sign(file []byte, comment string) ([]byte, error) {
	if strings.ContainsFunc(comment, func(r rune) bool { return r < ' ' || r == 0x7f }) || len(comment) > maxFile/2 {
		return nil, vigil.Errorf(vigil.Invalid, "comment_invalid", "comment: want one line of at most %d bytes", maxFile/2)
	}
	sum := blake2b.Sum512(file)
	sig := ed25519.Sign(k.key, sum[:])
	global := ed25519.Sign(k.key, bytes.Join([][]byte{sig, []byte(comment)}, nil))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, "%ssignature from minisign secret key %s\n%s\n%s%s\n%s\n", untrusted, k.id,
		b64(bytes.Join([][]byte{[]byte(algHashed), k.id[:], sig}, nil)), trusted, comment, b64(global)), nil
}
