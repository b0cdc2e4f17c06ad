//go:build !wasip1

package vigil

import "crypto/rand"

// NewID returns prefix-xxxxxxxxxx with fifty random bits in lower-case
// Crockford base 32: short enough to read aloud, enough to never collide in
// one tenant.
func NewID(prefix string) string {
	const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	var b [10]byte
	_, _ = rand.Read(b[:]) // documented never to fail
	for i := range b {
		b[i] = alphabet[b[i]&31]
	}
	return prefix + "-" + string(b[:])
}
