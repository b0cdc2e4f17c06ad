package module

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Use is something that modules are in use by.
type Use struct {
	By   string   // for people, for example policy cpu-high
	Refs []string // names, names@version or digests
}

// ListUsed is List, with what uses each module.
func (r *Registry) ListUsed(ctx context.Context, uses []Use) ([]vigil.Module, error) {
	list, err := r.List(ctx)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	users := r.users(uses)
	for i, m := range list {
		list[i].UsedBy = users[m.Digest]
	}
	return list, nil
}

// Delete forgets a module and its grants. It is refused while one of the uses
// means it, also by name: the name would silently mean an older upload. The
// caller sees to it that none is added meanwhile.
func (r *Registry) Delete(ctx context.Context, by, ref string, uses []Use) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.load(ctx); err != nil {
		return err
	}
	m, err := r.find(ref)
	if err != nil {
		return err
	}
	if err := r.dispensable(m, r.users(uses)[m.Digest]); err != nil {
		return err
	}
	recs, err := r.farewell(by, m)
	if err != nil {
		return err
	}
	if err := r.store.DeleteModule(ctx, m.Digest, recs...); err != nil {
		return fmt.Errorf("delete module %s: %w", m.Name, err)
	}
	r.modules = slices.DeleteFunc(r.modules, func(o vigil.Module) bool { return o.Digest == m.Digest })
	r.grants = slices.DeleteFunc(r.grants, func(g vigil.Grant) bool { return g.Digest == m.Digest })
	r.log.InfoContext(ctx, "module deleted", "module", m.Name, "rev", m.Digest)
	return nil
}

// users finds who uses each digest. What means nothing uses nothing. The caller
// holds mu.
func (r *Registry) users(uses []Use) map[string][]string {
	users := map[string][]string{}
	for _, u := range uses {
		for _, ref := range u.Refs {
			m, err := r.find(ref)
			if err == nil && !slices.Contains(users[m.Digest], u.By) {
				users[m.Digest] = append(users[m.Digest], u.By)
			}
		}
	}
	return users
}

// dispensable says why a module cannot be deleted, nil if it can. What the
// binary brings along would be back, with its grants, at the next start. The
// caller holds mu.
func (r *Registry) dispensable(m vigil.Module, users []string) error {
	if len(users) > 0 {
		const most = 10
		shown := strings.Join(users[:min(len(users), most)], ", ")
		if len(users) > most {
			shown += fmt.Sprintf(" and %d more", len(users)-most)
		}
		return vigil.Errorf(vigil.Conflict, "module_in_use", "module %s@%s is used by %s", m.Name, m.Version, shown).
			With("used_by", users[:min(len(users), most)]).Hinted("vigil policy rm NAME, or apply it with another module")
	}
	newest, err := r.find(m.Name)
	if err == nil && m.BuiltIn && newest.Digest == m.Digest {
		return vigil.Errorf(vigil.Conflict, "module_built_in", "module %s@%s comes with this vigil, the next start would bring it back", m.Name, m.Version).
			Hinted("to take away what it may do: vigil grant ls %s, vigil grant rm ID", m.Name)
	}
	return nil
}

// farewell are the records of a deletion: the module, and each grant that goes
// with it. The caller holds mu.
func (r *Registry) farewell(by string, m vigil.Module) ([]vigil.AuditRecord, error) {
	now := r.now()
	detail, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode module %s: %w", m.Name, err)
	}
	recs := []vigil.AuditRecord{{At: now, By: by, Verb: "module.deleted", Object: m.Digest, From: m.Name + "@" + m.Version, Detail: detail}}
	for _, g := range r.grants {
		if g.Digest == m.Digest {
			recs = append(recs, revoked(g, by, now))
		}
	}
	return recs, nil
}
