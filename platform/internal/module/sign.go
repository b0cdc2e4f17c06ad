package module

import (
	"context"
	"fmt"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Approved finds the module that ref means, as Resolve does, for somebody who
// will put it to use: it must be one that the operator's trust covers now.
func (r *Registry) Approved(ctx context.Context, ref string) (vigil.Module, error) {
	m, err := r.Resolve(ctx, ref)
	if err == nil {
		err = r.trust.approves(m)
	}
	return m, err
}

// resign judges the signature that came along with bytes that are stored
// already, and keeps it if the module has none.
func (r *Registry) resign(ctx context.Context, m vigil.Module, u flow.Upload) (vigil.Module, error) {
	if u.BuiltIn || len(u.Signature) == 0 && r.trust.approves(m) == nil {
		return m, nil
	}
	signer, err := r.trust.judge(u.Wasm, u.Signature)
	if err != nil {
		return vigil.Module{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.attach(ctx, m, signer, u.By)
}

// attach keeps who signed a stored module. The first signer stays as long as its
// key is trusted: whoever holds another one could else sign a module over to
// themselves, and with it the grants that its upgrades inherit. The caller holds
// mu.
func (r *Registry) attach(ctx context.Context, m vigil.Module, signer, by string) (vigil.Module, error) {
	i := r.index(m.Digest)
	if i < 0 { // deleted meanwhile
		return vigil.Module{}, r.notFound(m.Digest)
	}
	m = r.modules[i]
	if signer == "" || m.BuiltIn || r.trust.knows(m.SignedBy) {
		return m, nil
	}
	was := m.SignedBy
	m.SignedBy = signer
	err := r.store.SignModule(ctx, m, vigil.AuditRecord{
		At: r.now(), By: by, Verb: "module.signed", Object: m.Digest, From: was, To: signer,
		Message: fmt.Sprintf("%s@%s is signed by key %s", m.Name, m.Version, signer),
	})
	if err != nil {
		return vigil.Module{}, fmt.Errorf("store signature of %s: %w", m.Name, err)
	}
	r.modules[i] = m
	return m, nil
}
