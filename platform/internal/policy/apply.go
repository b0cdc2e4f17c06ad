package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxPolicies bounds a tenant's policies.
const maxPolicies = 10_000

// Apply checks a policy against its module and runbook, stores it and puts it
// in force. Applying what is in force already changes nothing. If it is refused the old one stays in force.
func (e *Engine) Apply(ctx context.Context, by string, p vigil.Policy) (row flow.PolicyRow, did flow.Applied, err error) {
	e.apply.Lock()
	defer e.apply.Unlock()
	if err := p.Check(); err != nil {
		return flow.PolicyRow{}, "", err
	}
	s := e.set.Load()
	old := s.byName[p.Name]
	if old == nil && len(s.byName) >= maxPolicies {
		return flow.PolicyRow{}, "", vigil.Errorf(vigil.Invalid, "policy_limit", "there are %d policies already, which is the limit", maxPolicies).
			Hinted("vigil policy ls")
	}
	if p.Select.IsQuery() {
		if _, err := e.study(p); err != nil {
			return flow.PolicyRow{}, "", err
		}
	}
	digest, uses, err := e.resolve(ctx, p)
	if err != nil {
		return flow.PolicyRow{}, "", err
	}
	row = flow.PolicyRow{Policy: p, Digest: digest, Revision: 1, AppliedAt: e.opts.Now(), AppliedBy: by}
	if old != nil {
		if old.row.Digest == digest && sameDocument(old.row.Policy, p) && (old.rule != nil || p.Mode == vigil.Disabled) {
			return old.row, flow.Unchanged, nil
		}
		row.Revision = old.row.Revision + 1
	}
	if err := e.able(ctx, p, uses); err != nil {
		return flow.PolicyRow{}, "", err
	}
	next, err := e.bind(old, row, s.freeConfig)
	if err != nil {
		return flow.PolicyRow{}, "", err
	}
	if err := e.try(ctx, digest, p); err != nil {
		return flow.PolicyRow{}, "", err
	}
	if err := e.opts.Ledger.PutPolicy(ctx, row, applied(row, old)); err != nil {
		return flow.PolicyRow{}, "", fmt.Errorf("store policy %s: %w", p.Name, err)
	}
	e.swap(ctx, s.with(next), old, next.rule, row.AppliedAt)
	if old == nil {
		return row, flow.Created, nil
	}
	return row, flow.Changed, nil
}

// Delete takes a policy out of force and forgets it. Its open episodes end.
func (e *Engine) Delete(ctx context.Context, by, name string) error {
	e.apply.Lock()
	defer e.apply.Unlock()
	s := e.set.Load()
	old := s.byName[name]
	if old == nil {
		return s.unknown(name)
	}
	now := e.opts.Now()
	rec := vigil.AuditRecord{At: now, By: by, Verb: "policy.deleted", Object: name, From: revision(old)}
	if err := e.opts.Ledger.DeletePolicy(ctx, name, rec); err != nil {
		return fmt.Errorf("delete policy %s: %w", name, err)
	}
	e.swap(ctx, s.without(name), old, nil, now)
	return nil
}

// swap puts a set in force. Episodes of a rule that is no longer in it end,
// because what they were found by is gone; of those that go on the healer hears
// the new revision. What cannot be done now is tried again by later steps.
func (e *Engine) swap(ctx context.Context, next *set, old *bound, keep *rule, now time.Time) {
	e.set.Store(next)
	if old != nil && old.rule != keep {
		e.census.dismiss(old.row.Name)
	}
	if old != nil && old.rule != nil {
		for _, b := range e.books {
			if err := b.heed(ctx, old.rule, keep, now); err != nil {
				e.opts.Log.ErrorContext(ctx, "change of a policy's episodes failed", "policy", old.row.Name, "err", err)
			}
		}
	}
	for _, sh := range e.shards {
		sh.inbox.hint()
	}
	e.asker.hint()
}

// use is a module that a policy names, and where.
type use struct {
	module vigil.Module
	field  string
}

// resolve finds the policy's module and checks that its runbook exists, and
// both against the schemas that the modules bring.
func (e *Engine) resolve(ctx context.Context, p vigil.Policy) (digest string, uses []use, err error) {
	m, err := e.find(ctx, p.Module, vigil.PolicyModule, "module")
	if err != nil {
		return "", nil, fmt.Errorf("resolve module of policy %s: %w", p.Name, err)
	}
	if err := e.fits(m, p.Settings, ""); err != nil {
		return "", nil, fmt.Errorf("check settings of policy %s: %w", p.Name, err)
	}
	uses = append(uses, use{m, "module"})
	for i := range p.Runbook {
		under := fmt.Sprintf("runbook[%d].", i)
		for step := &p.Runbook[i]; step != nil; step, under = step.Undo, under+"undo." {
			action, err := e.find(ctx, step.Action, vigil.ActionModule, under+"action")
			if err == nil {
				err = e.fits(action, step.With, under+"with")
			}
			if err != nil {
				return "", nil, fmt.Errorf("resolve step %d of policy %s: %w", i+1, p.Name, err)
			}
			uses = append(uses, use{action, under + "action"})
		}
	}
	return m.Digest, uses, nil
}

// able refuses a policy that is to act, or to ask for an action, through a module
// that may do nothing. In shadow it may wait for its grants: there it shows what
// it would do.
func (e *Engine) able(ctx context.Context, p vigil.Policy, uses []use) error {
	if p.Mode != vigil.Auto && p.Mode != vigil.Suggest {
		return nil
	}
	for _, u := range uses {
		if len(u.module.Requires) == 0 {
			continue
		}
		grants, err := e.opts.Modules.InForce(ctx, u.module.Digest)
		if err != nil {
			return fmt.Errorf("read the grants of module %s: %w", u.module.Name, err)
		}
		if need := u.module.Requires[0]; len(grants) == 0 {
			return vigil.Errorf(vigil.Invalid, "capability_missing", "policy %s: %s: %s needs %s on %s and has no grant", p.Name, u.field, u.module.Name, need.Capability, need.Target).
				With("field", u.field).Hinted("vigil grant add %s %s '%s', or apply the policy with mode: shadow first", u.module.Name, need.Capability, need.Target)
		}
	}
	return nil
}

// fits holds settings against the schema of the module's manifest, before a
// guest is asked. The field that is named begins with under.
func (e *Engine) fits(m vigil.Module, settings []byte, under string) error {
	if len(m.Settings) == 0 {
		return nil
	}
	err := e.opts.Settings(m.Settings, settings)
	if err == nil {
		return nil
	}
	wrong := vigil.AsError(err)
	wrong.Msg = "module " + m.Name + ": " + wrong.Msg
	if field, ok := wrong.Fields["field"].(string); ok && under != "" {
		wrong.Msg = under + ": " + wrong.Msg
		wrong = wrong.With("field", strings.TrimSuffix(under+"."+field, "."))
	}
	return wrong.With("module", m.Name).Hinted("vigil module inspect FILE.wasm shows what a module takes")
}

// find resolves one reference and checks what kind of module it names.
func (e *Engine) find(ctx context.Context, ref string, kind vigil.ModuleKind, field string) (vigil.Module, error) {
	m, err := e.opts.Modules.Resolve(ctx, ref)
	if known, ok := errors.AsType[*vigil.Error](err); ok {
		return vigil.Module{}, known.With("field", field)
	}
	if err != nil {
		return vigil.Module{}, err
	}
	if m.Kind != kind {
		return vigil.Module{}, vigil.Errorf(vigil.Invalid, "policy_invalid", "%s: %s is of kind %s, want %s", field, ref, m.Kind, kind).
			With("field", field).Hinted("vigil module ls")
	}
	return m, nil
}

// try configures a fresh guest with the policy's settings, so that bad ones are
// refused in the guest's words before anything changes.
func (e *Engine) try(ctx context.Context, digest string, p vigil.Policy) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("try settings of policy %s: %w", p.Name, err)
		}
	}()
	g, err := e.opts.Guests.OpenPolicy(ctx, digest)
	if err != nil {
		return err
	}
	err = g.Configure(ctx, 1, settingsOf(p.Settings))
	return errors.Join(err, g.Close(ctx))
}

// settingsOf is what a guest is given when a policy has no settings.
func settingsOf(raw []byte) []byte {
	if len(raw) == 0 {
		return []byte("{}")
	}
	return raw
}

// sameDocument compares policies as documents; white space in settings is none
// of their content.
func sameDocument(a, b vigil.Policy) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// applied is the audit record of putting row in force after old.
func applied(row flow.PolicyRow, old *bound) vigil.AuditRecord {
	detail, err := json.Marshal(row)
	if err != nil {
		detail = nil // settings are valid JSON once a guest has read them
	}
	return vigil.AuditRecord{
		At: row.AppliedAt, By: row.AppliedBy, Verb: "policy.applied", Object: row.Name,
		From: revision(old), To: strconv.FormatInt(row.Revision, 10), Message: "mode " + string(row.Mode), Detail: detail,
	}
}

func revision(b *bound) string {
	if b == nil {
		return ""
	}
	return strconv.FormatInt(b.row.Revision, 10)
}
