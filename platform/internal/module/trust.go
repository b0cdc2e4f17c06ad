package module

import (
	"fmt"
	"slices"

	"github.com/techmedaddy/vigil/platform/internal/module/minisign"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Trust says whose modules are taken. The zero value takes everybody's and looks
// at no signature.
type Trust struct {
	keys     []minisign.PublicKey
	required bool // what nobody trusted has signed is refused
}

// NewTrust reads the public keys that are trusted.
func NewTrust(keys []string, required bool) (Trust, error) {
	t := Trust{required: required}
	for i, text := range keys {
		k, err := minisign.ParsePublicKey(text)
		if err != nil {
			return Trust{}, fmt.Errorf("read trusted key %d: %w", i+1, err)
		}
		t.keys = append(t.keys, k)
	}
	if required && len(t.keys) == 0 {
		return Trust{}, vigil.Errorf(vigil.Invalid, "config_invalid", "signatures are required and no key is trusted").
			Hinted("modules: {require_signature: true, trusted_keys: [RW…]}")
	}
	return t, nil
}

// judge returns the number of the trusted key that signed the bytes, "" if they
// are taken without. A signature that came along must be good where there are
// keys to judge it by.
func (t Trust) judge(wasm, signature []byte) (signer string, err error) {
	if len(signature) == 0 && t.required {
		return "", vigil.Errorf(vigil.Invalid, "signature_missing", "this collector takes signed modules only").
			Hinted("vigil module sign FILE --key KEY, and push it again")
	}
	if len(signature) == 0 || len(t.keys) == 0 {
		return "", nil
	}
	s, err := minisign.ParseSignature(string(signature))
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(t.keys, func(k minisign.PublicKey) bool { return k.ID == s.ID })
	if i < 0 {
		return "", vigil.Errorf(vigil.Invalid, "signature_untrusted", "signed by key %s, which this collector does not trust", s.ID).
			With("key", s.ID.String()).Hinted("an operator may add it to modules.trusted_keys")
	}
	if err := t.keys[i].Verify(wasm, s); err != nil {
		return "", err
	}
	return s.ID.String(), nil
}

// approves says why a stored module may not be put to use, nil if it may: where
// signatures are required, one by a key that is trusted today. What the binary
// carries needs none.
func (t Trust) approves(m vigil.Module) error {
	if !t.required || m.BuiltIn || t.knows(m.SignedBy) {
		return nil
	}
	why := "is not signed"
	if m.SignedBy != "" {
		why = "is signed by key " + m.SignedBy + ", which is no longer trusted"
	}
	return vigil.Errorf(vigil.Conflict, "digest_not_approved", "module %s@%s (%.19s) %s, and this collector uses signed modules only", m.Name, m.Version, m.Digest, why).
		With("digest", m.Digest).Hinted("vigil module sign FILE --key KEY, and push it again")
}

// knows reports whether the number is a trusted key's.
func (t Trust) knows(signer string) bool {
	return slices.ContainsFunc(t.keys, func(k minisign.PublicKey) bool { return k.ID.String() == signer })
}
