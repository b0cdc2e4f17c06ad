package app

import (
	"context"
	"log/slog"

	"github.com/techmedaddy/vigil/platform/internal/audit"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// auditLog is what lies outside of the database of a tenant's audit log: its
// keys and its tip.
type auditLog struct {
	ring *audit.Ring
	tip  *audit.Tip
	file string // of the tip
}

// openAudit reads the keys and keeps the tip from now on; it is saved once more
// when the database, which is opened after it, is closed.
func (a *App) openAudit(ctx context.Context, tenant, database string, log *slog.Logger) (*auditLog, error) {
	ring, err := audit.Load(a.o.Config.AuditKey())
	if err != nil {
		return nil, err
	}
	l := &auditLog{ring: ring, file: audit.TipFile(ring.Path(), tenant)}
	l.tip = audit.NewTip(l.file, database, a.o.Now, log)
	a.down.add("audit tip", func(context.Context) error { return l.tip.Save() })
	a.down.goes(ctx, "audit", a.cancel, l.tip.Run)
	return l, nil
}

// admit says whether the log in a database may be gone on with.
func (l *auditLog) admit(ctx context.Context, db *sqlite.DB) error {
	known, err := audit.ReadTip(l.file)
	if err != nil {
		return err
	}
	note, err := l.ring.Admit(ctx, db, known)
	if err != nil || note == nil {
		return err
	}
	return db.AppendAudit(ctx, *note)
}

// records is the database with its audit log, as HTTP reads them.
type records struct {
	*sqlite.DB
	audit *auditLog
}

// AuditCheck checks at most limit records behind one that is sound; 0 begins.
func (r records) AuditCheck(ctx context.Context, after int64, limit int) (vigil.AuditCheck, error) {
	if err := r.audit.tip.Save(); err != nil {
		return vigil.AuditCheck{}, err
	}
	tip, err := audit.ReadTip(r.audit.file) // before the records, which are never behind it
	if err != nil {
		return vigil.AuditCheck{}, err
	}
	return r.audit.ring.Check(ctx, r.DB, tip, after, int64(limit), nil)
}
