package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"strings"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// The algorithms. A name is part of what is hashed, so that no record can be
// passed off as one of another algorithm or key.
const (
	plain = "vigil-audit-1-sha256"      // of records from before there were keys; they name none
	keyed = "vigil-audit-2-hmac-sha256" // followed by a colon and the key's id
)

// Key makes links that nobody can make without it.
type Key struct {
	ID     string // tells keys apart and says nothing of them
	secret []byte
}

func newKey(secret []byte) Key {
	sum := sha256.Sum256(append([]byte("vigil-audit-key:"), secret...))
	return Key{ID: hex.EncodeToString(sum[:8]), secret: secret}
}

func (k Key) alg() string { return keyed + ":" + k.ID }

// hasher hashes a record that says it was made with this key.
func (k Key) hasher() hash.Hash { return hmac.New(sha256.New, k.secret) }

// keyID returns which key a record names, "" for none.
func keyID(alg string) string {
	id, ok := strings.CutPrefix(alg, keyed+":")
	if !ok {
		return ""
	}
	return id
}

// Plain returns the link that records had before there were keys.
func Plain(prev []byte, r vigil.AuditRecord) []byte {
	h := sha256.New()
	h.Write(appendPlain(nil, prev, r))
	return h.Sum(nil)
}

func appendPlain(b, prev []byte, r vigil.AuditRecord) []byte {
	return appendRecord(appendField(appendField(b, plain), prev), r)
}

// appendKeyed is what the second algorithm hashes: its name with the key's, the
// link before, and every field of the record but the link itself.
func appendKeyed(b, prev []byte, r vigil.AuditRecord) []byte {
	return appendRecord(appendField(appendField(appendField(b, r.Alg), prev), r.Tenant), r)
}

// appendRecord appends the fields that both algorithms know, each with its
// length, times to the nanosecond.
func appendRecord(b []byte, r vigil.AuditRecord) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(r.Seq))
	b = binary.BigEndian.AppendUint64(b, uint64(r.At.Unix()))
	b = binary.BigEndian.AppendUint64(b, uint64(r.At.Nanosecond()))
	for _, field := range [...]string{r.By, r.Verb, r.Object, r.Target, r.From, r.To, r.Message} {
		b = appendField(b, field)
	}
	return appendField(b, r.Detail)
}

func appendField[T ~string | ~[]byte](b []byte, field T) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(len(field))), field...)
}
