package module_test

import (
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/module"
	"github.com/techmedaddy/vigil/platform/internal/module/minisign"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// signer signs what it is given, and is trusted if asked.
func signer(t *testing.T) (key string, sign func(text string) []byte) {
	t.Helper()
	k, err := minisign.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k.Public().String(), func(text string) []byte {
		sig, err := k.Sign([]byte(text), "")
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
}

func trust(t *testing.T, required bool, keys ...string) module.Trust {
	t.Helper()
	tr, err := module.NewTrust(keys, required)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestUpload_TakesWhatTrustedKeysHaveSigned(t *testing.T) {
	t.Parallel()
	const text = "action kick 1.0.0"
	ours, sign := signer(t)
	theirs, forge := signer(t)
	f := func(name string, tr module.Trust, signature []byte, builtIn bool, code string, signed bool) {
		t.Helper()
		r, s := trusting(tr)
		m, _, err := r.Upload(t.Context(), flow.Upload{By: "ann", Wasm: []byte(text), Signature: signature, BuiltIn: builtIn})
		if vigil.CodeOf(err) != code || (m.SignedBy != "") != signed || (len(s.rows) == 0) != (code != "") {
			t.Errorf("%s: Upload = %+v, %v with %d rows, want code %q, signed %v", name, m, err, len(s.rows), code, signed)
		}
	}
	must, may := trust(t, true, theirs, ours), trust(t, false, ours)
	f("required and there", must, sign(text), false, "", true)
	f("required and missing", must, nil, false, "signature_missing", false)
	f("required, of other bytes", must, sign("action kick 1.0.1"), false, "signature_invalid", false)
	f("required, nonsense", must, []byte("x"), false, "signature_invalid", false)
	f("the binary's own", must, nil, true, "", false)
	f("not required and missing", may, nil, false, "", false)
	f("not required and there", may, sign(text), false, "", true)
	f("not required, of other bytes", may, sign("action kick 1.0.1"), false, "signature_invalid", false)
	f("of somebody else", may, forge(text), false, "signature_untrusted", false)
	f("nobody is trusted", trust(t, false), forge(text), false, "", false)
}

func TestUpload_CarriesGrantsOverToTheSameSignerOnly(t *testing.T) {
	t.Parallel()
	ours, sign := signer(t)
	theirs, forge := signer(t)
	f := func(name string, by func(string) []byte, want int) {
		t.Helper()
		r, _ := trusting(trust(t, false, ours, theirs))
		if _, _, err := r.Upload(t.Context(), flow.Upload{By: "ann", Wasm: []byte("action kick 1.0.0"), Signature: sign("action kick 1.0.0")}); err != nil {
			t.Fatal(err)
		}
		grant(t, r, vigil.Grant{Digest: "kick", Capability: "service.restart", Target: "service:web"})
		m, _, err := r.Upload(t.Context(), flow.Upload{By: "ann", Wasm: []byte("action kick 1.1.0"), Signature: by("action kick 1.1.0")})
		if err != nil {
			t.Fatal(err)
		}
		if have, _ := r.Grants(t.Context(), m.Digest); len(have) != want {
			t.Errorf("%s: %d grants, want %d", name, len(have), want)
		}
	}
	f("the same key", sign, 1)
	f("another trusted key", forge, 0)
	f("unsigned", func(string) []byte { return nil }, 0)
}

func TestNewTrust_RefusesWhatWouldTakeNothing(t *testing.T) {
	t.Parallel()
	if _, err := module.NewTrust(nil, true); vigil.CodeOf(err) != "config_invalid" {
		t.Errorf("required without a key: %v", err)
	}
	if _, err := module.NewTrust([]string{"RWnonsense"}, false); vigil.CodeOf(err) != "key_invalid" {
		t.Errorf("no key: %v", err)
	}
}
