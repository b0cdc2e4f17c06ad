package sqlite

import (
	"context"
	"errors"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// PutModule stores a module under its digest. A known digest changes nothing
// and leaves no record.
func (db *DB) PutModule(ctx context.Context, m flow.ModuleRow, rec vigil.AuditRecord) (known bool, err error) {
	body, err := encode(m.Module)
	if err != nil {
		return false, wrap(err, "put module %s", m.Name)
	}
	manifest, err := encode(m.Manifest)
	if err != nil {
		return false, wrap(err, "put module %s", m.Name)
	}
	err = db.write(ctx, func(ctx context.Context, t *tx) error {
		n, err := t.exec(ctx, `INSERT INTO modules (digest, tenant, principal, name, version, body, manifest, wasm)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING`,
			m.Digest, db.o.Tenant, m.UploadedBy, m.Name, m.Version, body, manifest, notNil(m.Wasm))
		known = n == 0
		if err != nil || known {
			return err
		}
		t.w.wal.bytes += len(m.Wasm)
		return db.record(ctx, t, rec)
	})
	return known, wrap(err, "put module %s", m.Name)
}

// Modules returns all modules in the order of their upload.
func (db *DB) Modules(ctx context.Context) ([]vigil.Module, error) {
	ms, err := bodies(ctx, db, decode[vigil.Module], `SELECT body FROM modules ORDER BY seq`)
	return ms, wrap(err, "list modules")
}

// ModuleBytes returns a module's WebAssembly.
func (db *DB) ModuleBytes(ctx context.Context, digest string) ([]byte, error) {
	var wasm []byte
	found, err := db.one(ctx, []any{&wasm}, `SELECT wasm FROM modules WHERE digest = ?`, digest)
	if err == nil && !found {
		err = moduleNotFound(digest)
	}
	return wasm, wrap(err, "read module %.19s", digest)
}

// PutGrant stores a grant for a module that is here.
func (db *DB) PutGrant(ctx context.Context, g vigil.Grant, rec vigil.AuditRecord) error {
	body, err := encode(g)
	if err != nil {
		return wrap(err, "put grant %s", g.ID)
	}
	err = db.write(ctx, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `INSERT INTO grants (id, tenant, principal, digest, body) VALUES (?, ?, ?, ?, ?)`,
			g.ID, db.o.Tenant, g.By, g.Digest, body)
		var e *driver.Error
		if errors.As(err, &e) && e.Code() == lib.SQLITE_CONSTRAINT_FOREIGNKEY {
			return moduleNotFound(g.Digest)
		}
		if err != nil {
			return err
		}
		return db.record(ctx, t, rec)
	})
	return wrap(err, "put grant %s", g.ID)
}

// Grants returns all grants, oldest first.
func (db *DB) Grants(ctx context.Context) ([]vigil.Grant, error) {
	gs, err := bodies(ctx, db, decode[vigil.Grant], `SELECT body FROM grants ORDER BY seq`)
	return gs, wrap(err, "list grants")
}

func moduleNotFound(digest string) error {
	return vigil.Errorf(vigil.NotFound, "module_not_found", "no module %q", digest).Hinted("see vigil module ls")
}
