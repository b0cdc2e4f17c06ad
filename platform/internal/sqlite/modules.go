package sqlite

import (
	"context"
	"errors"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// PutModule stores a module under its digest, with the grants carried over to
// it. A known digest changes nothing and leaves no record.
func (db *DB) PutModule(ctx context.Context, m flow.ModuleRow, recs ...vigil.AuditRecord) (known bool, err error) {
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
		for _, g := range m.Grants {
			if err := db.putGrant(ctx, t, g); err != nil {
				return err
			}
		}
		return db.records(ctx, t, recs)
	})
	return known, wrap(err, "put module %s", m.Name)
}

// SignModule keeps who signed a module that is here.
func (db *DB) SignModule(ctx context.Context, m vigil.Module, rec vigil.AuditRecord) error {
	body, err := encode(m)
	if err != nil {
		return wrap(err, "sign module %s", m.Name)
	}
	err = db.write(ctx, func(ctx context.Context, t *tx) error {
		n, err := t.exec(ctx, `UPDATE modules SET body = ? WHERE digest = ?`, body, m.Digest)
		if err == nil && n == 0 {
			err = moduleNotFound(m.Digest)
		}
		if err != nil {
			return err
		}
		return db.record(ctx, t, rec)
	})
	return wrap(err, "sign module %s", m.Name)
}

// DeleteModule removes a module and its grants; the audit log keeps that they
// were there.
func (db *DB) DeleteModule(ctx context.Context, digest string, recs ...vigil.AuditRecord) error {
	err := db.write(ctx, func(ctx context.Context, t *tx) error {
		if _, err := t.exec(ctx, `DELETE FROM grants WHERE digest = ?`, digest); err != nil {
			return err
		}
		n, err := t.exec(ctx, `DELETE FROM modules WHERE digest = ?`, digest)
		if err == nil && n == 0 {
			err = moduleNotFound(digest)
		}
		if err != nil {
			return err
		}
		return db.records(ctx, t, recs)
	})
	return wrap(err, "delete module %.19s", digest)
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
	err := db.write(ctx, func(ctx context.Context, t *tx) error {
		if err := db.putGrant(ctx, t, g); err != nil {
			return err
		}
		return db.record(ctx, t, rec)
	})
	return wrap(err, "put grant %s", g.ID)
}

func (db *DB) putGrant(ctx context.Context, t *tx, g vigil.Grant) error {
	body, err := encode(g)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, `INSERT INTO grants (id, tenant, principal, digest, body) VALUES (?, ?, ?, ?, ?)`,
		g.ID, db.o.Tenant, g.By, g.Digest, body)
	var e *driver.Error
	if errors.As(err, &e) && e.Code() == lib.SQLITE_CONSTRAINT_FOREIGNKEY {
		return moduleNotFound(g.Digest)
	}
	return err
}

// DeleteGrant takes a grant back; the audit log keeps that it was there.
func (db *DB) DeleteGrant(ctx context.Context, id string, rec vigil.AuditRecord) error {
	err := db.write(ctx, func(ctx context.Context, t *tx) error {
		n, err := t.exec(ctx, `DELETE FROM grants WHERE id = ?`, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return vigil.Errorf(vigil.NotFound, "grant_not_found", "no grant %q", id).Hinted("vigil grant ls")
		}
		return db.record(ctx, t, rec)
	})
	return wrap(err, "delete grant %s", id)
}

// Grants returns all grants, oldest first.
func (db *DB) Grants(ctx context.Context) ([]vigil.Grant, error) {
	gs, err := bodies(ctx, db, decode[vigil.Grant], `SELECT body FROM grants ORDER BY seq`)
	return gs, wrap(err, "list grants")
}

func moduleNotFound(digest string) error {
	return vigil.Errorf(vigil.NotFound, "module_not_found", "no module %q", digest).Hinted("see vigil module ls")
}
