package module_test

import (
	"slices"
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// TestUpload_BringsASignatureThatWasMissing: a module that was stored unsigned
// cannot be put to use where signatures are required, until one comes.
func TestUpload_BringsASignatureThatWasMissing(t *testing.T) {
	t.Parallel()
	const text = "action kick 1.0.0"
	ours, sign := signer(t)
	_, forge := signer(t)
	r, s := registry(t)
	stored := upload(t, r, text)
	grant(t, r, vigil.Grant{Digest: stored.Digest, Capability: "service.restart", Target: "service:web"})

	r = over(s, trust(t, true, ours))
	push := func(signature []byte) (vigil.Module, bool, error) {
		return r.Upload(t.Context(), flow.Upload{By: "bob", Wasm: []byte(text), Signature: signature})
	}
	refused := func(name, code string, err error) {
		t.Helper()
		if vigil.CodeOf(err) != code {
			t.Errorf("%s: %v, want %s", name, err, code)
		}
	}
	use := func() error {
		_, _, err := r.Action(t.Context(), "kick")
		_, bindErr := r.Approved(t.Context(), stored.Digest)
		if vigil.CodeOf(err) != vigil.CodeOf(bindErr) {
			t.Errorf("run: %v, bind: %v", err, bindErr)
		}
		return err
	}
	refused("use unsigned", "digest_not_approved", use())
	for name, c := range map[string]struct {
		signature []byte
		code      string
	}{
		"no signature":   {nil, "signature_missing"},
		"of other bytes": {sign("action kick 0.9.0"), "signature_invalid"},
		"another key":    {forge(text), "signature_untrusted"},
	} {
		_, _, err := push(c.signature)
		refused(name, c.code, err)
		refused("use after "+name, "digest_not_approved", use())
	}
	m, known, err := push(sign(text))
	if err != nil || !known || m.SignedBy == "" {
		t.Fatalf("Upload with a signature = %+v, known %v, %v", m, known, err)
	}
	if err := use(); err != nil {
		t.Errorf("use signed: %v", err)
	}
	if have, _ := r.Grants(t.Context(), m.Digest); len(have) != 1 {
		t.Errorf("%d grants after the signature, want the one before", len(have))
	}
	if !slices.ContainsFunc(s.audit, func(a vigil.AuditRecord) bool {
		return a.Verb == "module.signed" && a.To == m.SignedBy && a.By == "bob"
	}) {
		t.Error("the signature is in no record")
	}
	r = over(s, trust(t, true, ours))
	if err := use(); err != nil {
		t.Errorf("use after a restart: %v", err)
	}
}

// TestUpload_KeepsTheFirstSignerWhileItIsTrusted: else whoever holds another
// trusted key could sign a module over, and have an upgrade inherit its grants.
func TestUpload_KeepsTheFirstSignerWhileItIsTrusted(t *testing.T) {
	t.Parallel()
	const text, next = "action kick 1.0.0", "action kick 1.1.0"
	ours, sign := signer(t)
	theirs, other := signer(t)
	r, s := trusting(trust(t, true, ours, theirs))
	put := func(text string, signature []byte) vigil.Module {
		t.Helper()
		m, _, err := r.Upload(t.Context(), flow.Upload{By: "ann", Wasm: []byte(text), Signature: signature})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	first := put(text, sign(text))
	grant(t, r, vigil.Grant{Digest: first.Digest, Capability: "service.restart", Target: "service:web"})
	if m := put(text, other(text)); m.SignedBy != first.SignedBy {
		t.Errorf("signed over from %s to %s", first.SignedBy, m.SignedBy)
	}
	if have, _ := r.Grants(t.Context(), put(next, other(next)).Digest); len(have) != 0 {
		t.Errorf("another key's upgrade inherits %d grants", len(have))
	}

	r = over(s, trust(t, true, theirs)) // the first key is no longer trusted
	if _, err := r.Approved(t.Context(), first.Digest); vigil.CodeOf(err) != "digest_not_approved" {
		t.Errorf("Approved with a key that is gone = %v", err)
	}
	if m := put(text, other(text)); m.SignedBy == first.SignedBy {
		t.Error("a key that is no longer trusted cannot be replaced")
	}
}

// TestUpload_ADowngradeRunsWithoutTheGrants: an older version keeps its good
// signature, so it is taken, but what the newer one may do is not its own.
func TestUpload_ADowngradeRunsWithoutTheGrants(t *testing.T) {
	t.Parallel()
	ours, sign := signer(t)
	f := func(next string, want int) {
		t.Helper()
		r, _ := trusting(trust(t, true, ours))
		for _, text := range []string{"action kick 1.0.5", next} {
			m, _, err := r.Upload(t.Context(), flow.Upload{By: "ann", Wasm: []byte(text), Signature: sign(text)})
			if err != nil {
				t.Fatal(err)
			}
			if text != next {
				grant(t, r, vigil.Grant{Digest: m.Digest, Capability: "service.restart", Target: "service:web"})
			}
		}
		if _, have, err := r.Action(t.Context(), "kick"); err != nil || len(have) != want {
			t.Errorf("%s after 1.0.5: %d grants, %v; want %d", next, len(have), err, want)
		}
	}
	f("action kick 1.1.0", 1)
	f("action kick 1.0.0", 0)
}
