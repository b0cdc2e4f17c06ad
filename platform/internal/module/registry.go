package module

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/schema"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Bounds of one tenant's registry.
const (
	maxModules = 1_000
	maxGrants  = 10_000
)

// Checker says whether bytes are a module that may be stored. Manifest only
// reads what a module says about itself; it is asked for those that the binary
// carries, which were checked when it was built.
type Checker interface {
	Check(ctx context.Context, wasm []byte) (vigil.Manifest, error)
	Manifest(wasm []byte) (vigil.Manifest, error)
}

// Store keeps modules and grants. What changes something writes its records in
// the same transaction. It lists them in the order in which they were put, which
// is what makes one the newest: a clock may be set back.
type Store interface {
	PutModule(ctx context.Context, row flow.ModuleRow, recs ...vigil.AuditRecord) (known bool, err error)
	Modules(ctx context.Context) ([]vigil.Module, error)
	ModuleBytes(ctx context.Context, digest string) ([]byte, error)
	SignModule(ctx context.Context, m vigil.Module, rec vigil.AuditRecord) error
	DeleteModule(ctx context.Context, digest string, recs ...vigil.AuditRecord) error
	PutGrant(ctx context.Context, g vigil.Grant, rec vigil.AuditRecord) error
	DeleteGrant(ctx context.Context, id string, rec vigil.AuditRecord) error
	Grants(ctx context.Context) ([]vigil.Grant, error)
}

// Registry knows the modules and grants of one tenant. It reads them from the
// store once and is the only one who adds to them. It is safe for concurrent
// use.
type Registry struct {
	store   Store
	checker Checker
	trust   Trust
	offers  func(context.Context) (Offers, error)
	log     *slog.Logger
	now     func() time.Time

	mu      sync.Mutex
	loaded  bool           // guarded by mu
	modules []vigil.Module // oldest first; guarded by mu
	grants  []vigil.Grant  // oldest first; guarded by mu
}

// Options are what a Registry needs.
type Options struct {
	Store   Store
	Checker Checker
	Trust   Trust
	Offers  func(context.Context) (Offers, error) // asked before a grant; nil: any target may be there
	Log     *slog.Logger
	Now     func() time.Time
}

// New makes a registry over a store.
func New(o Options) *Registry {
	return &Registry{store: o.Store, checker: o.Checker, trust: o.Trust, offers: o.Offers, log: o.Log, now: o.Now}
}

// load reads the store at the first use. The caller holds mu.
func (r *Registry) load(ctx context.Context) error {
	if r.loaded {
		return nil
	}
	modules, err := r.store.Modules(ctx)
	if err != nil {
		return fmt.Errorf("read modules: %w", err)
	}
	grants, err := r.store.Grants(ctx)
	if err != nil {
		return fmt.Errorf("read grants: %w", err)
	}
	r.modules, r.grants, r.loaded = modules, grants, true
	return nil
}

// Upload checks and stores a module. Bytes that are there already are known
// and change nothing, but that a signature which they lacked is kept. What the
// binary brings along is granted what it asks for.
func (r *Registry) Upload(ctx context.Context, u flow.Upload) (_ vigil.Module, known bool, err error) {
	if len(u.Wasm) > vigil.MaxModuleSize {
		return vigil.Module{}, false, vigil.Errorf(vigil.TooLarge, "module_too_large", "module has %d bytes, the limit is %d", len(u.Wasm), vigil.MaxModuleSize).With("limit", vigil.MaxModuleSize)
	}
	sum := sha256.Sum256(u.Wasm)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	if m, err := r.Resolve(ctx, digest); err == nil {
		m, err = r.resign(ctx, m, u)
		return m, err == nil, err
	} else if vigil.KindOf(err) != vigil.NotFound {
		return vigil.Module{}, false, err
	}
	// The check takes seconds the first time, so it runs outside the lock; two
	// uploads of the same bytes at once are one to the store.
	manifest, signer, err := r.admit(ctx, u)
	if err != nil {
		return vigil.Module{}, false, err
	}
	row := flow.ModuleRow{Manifest: manifest, Wasm: u.Wasm, Module: vigil.Module{
		Digest: digest, Name: manifest.Name, Version: manifest.Version, Kind: manifest.Kind,
		Requires: manifest.Requires, Settings: manifest.Settings, Idempotent: manifest.Idempotent,
		Size: len(u.Wasm), BuiltIn: u.BuiltIn, UploadedAt: r.now(), UploadedBy: u.By, SignedBy: signer,
	}}
	return r.put(ctx, row)
}

// admit says whether the bytes may be stored. The signature comes first: it
// costs little, and what nobody trusted has signed is not even looked into.
func (r *Registry) admit(ctx context.Context, u flow.Upload) (m vigil.Manifest, signer string, err error) {
	if u.BuiltIn {
		m, err = r.checker.Manifest(u.Wasm)
		return m, "", err
	}
	if signer, err = r.trust.judge(u.Wasm, u.Signature); err != nil {
		return m, "", err
	}
	if m, err = r.checker.Check(ctx, u.Wasm); err == nil {
		_, err = schema.Parse(m.Settings)
	}
	return m, signer, err
}

func (r *Registry) put(ctx context.Context, row flow.ModuleRow) (vigil.Module, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := r.index(row.Digest); i >= 0 {
		m, err := r.attach(ctx, r.modules[i], row.SignedBy, row.UploadedBy)
		return m, err == nil, err
	}
	if len(r.modules) >= maxModules {
		return vigil.Module{}, false, vigil.Errorf(vigil.Busy, "module_too_many", "the registry holds %d modules, the limit", maxModules)
	}
	uploaded := row.Module
	uploaded.Settings = nil // the record shall be short; the digest says the rest
	detail, err := json.Marshal(uploaded)
	if err != nil {
		return vigil.Module{}, false, fmt.Errorf("encode module %s: %w", row.Name, err)
	}
	recs := []vigil.AuditRecord{{
		At: row.UploadedAt, By: row.UploadedBy, Verb: "module.uploaded", Object: row.Digest, To: row.Name + "@" + row.Version, Detail: detail,
	}}
	if row.Grants = r.inherit(row.Module); len(row.Grants) > 0 {
		recs = append(recs, carriedOver(row)...)
	}
	if row.BuiltIn {
		given, said := r.required(row)
		row.Grants, recs = append(row.Grants, given...), append(recs, said...)
	}
	known, err := r.store.PutModule(ctx, row, recs...)
	if err != nil {
		return vigil.Module{}, false, fmt.Errorf("store module %s: %w", row.Name, err)
	}
	r.modules = append(r.modules, row.Module)
	r.grants = append(r.grants, row.Grants...)
	r.log.InfoContext(ctx, "module uploaded", "module", row.Name, "rev", row.Digest)
	return row.Module, known, nil
}

// index finds a digest among the modules, -1 without one. The caller holds mu.
func (r *Registry) index(digest string) int {
	return slices.IndexFunc(r.modules, func(m vigil.Module) bool { return m.Digest == digest })
}

// List returns all modules, the newest first.
func (r *Registry) List(ctx context.Context) ([]vigil.Module, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	list := slices.Clone(r.modules)
	slices.Reverse(list)
	return list, nil
}

// Bytes returns a module's bytes as they were uploaded.
func (r *Registry) Bytes(ctx context.Context, digest string) ([]byte, error) {
	m, err := r.Resolve(ctx, digest)
	if err != nil {
		return nil, err
	}
	b, err := r.store.ModuleBytes(ctx, m.Digest)
	if err != nil {
		return nil, fmt.Errorf("read module %s: %w", m.Name, err)
	}
	return b, nil
}

// Action resolves a runbook's action: the module and what it was granted and
// still is. It must be of kind action.
func (r *Registry) Action(ctx context.Context, ref string) (vigil.Module, []vigil.Grant, error) {
	m, err := r.Resolve(ctx, ref)
	if err != nil {
		return vigil.Module{}, nil, err
	}
	if m.Kind != vigil.ActionModule {
		return vigil.Module{}, nil, vigil.Errorf(vigil.Invalid, "module_kind", "module %s is a %s, not an action", m.Name, m.Kind)
	}
	if err := r.trust.approves(m); err != nil {
		return vigil.Module{}, nil, err
	}
	grants, err := r.InForce(ctx, m.Digest)
	return m, grants, err
}
