package recall

import (
	"context"
	"fmt"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Entries returns what a module keeps for itself under keys that begin with
// prefix, in the order of the keys: what evaluations that ended have left.
func (r *Recall) Entries(ctx context.Context, m vigil.Module, prefix string) ([]vigil.StateEntry, error) {
	v, err := r.enter(ctx, spaceOf(m))
	if err != nil {
		return nil, err
	}
	defer v.leave(false)
	all := []vigil.StateEntry{}
	for _, key := range v.keys(prefix) {
		value, _ := v.get(key)
		all = append(all, vigil.StateEntry{Key: key, Value: value})
	}
	return all, nil
}

// Remove deletes one key of a module's state for a person, durably. The record
// of it is written first: without one nothing is deleted.
func (r *Recall) Remove(ctx context.Context, by string, m vigil.Module, key string) error {
	v, err := r.enter(ctx, spaceOf(m))
	if err != nil {
		return err
	}
	value, found := v.get(key)
	if !found {
		v.leave(false)
		return vigil.Errorf(vigil.NotFound, "state_not_found", "module %s keeps no key %.256q", m.Name, key).Hinted("vigil module state ls %s", m.Name)
	}
	err = r.o.Ledger.AppendAudit(ctx, vigil.AuditRecord{
		At: r.o.Now(), By: by, Verb: "state.removed", Object: m.Digest,
		Message: fmt.Sprintf("%s no longer keeps %q (%d bytes)", m.Name, key, len(value)),
	})
	if err == nil {
		v.remove(key)
	}
	v.leave(err == nil)
	if err != nil {
		return fmt.Errorf("record removal of state: %w", err)
	}
	return r.Flush(ctx)
}
