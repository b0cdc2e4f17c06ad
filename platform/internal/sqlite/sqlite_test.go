package sqlite_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// noon is when these tests happen.
func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC) }

// link is a chain good enough to notice a changed, missing or moved record.
func link(prev []byte, r vigil.AuditRecord) []byte {
	body, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(append(append([]byte{}, prev...), body...))
	return sum[:]
}

func options() sqlite.Options {
	return sqlite.Options{Now: noon, Chain: func(prev []byte, r vigil.AuditRecord) (string, []byte) { return "test", link(prev, r) }}
}

func open(t testing.TB, path string) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeDB(t, db) })
	return db
}

func closeDB(t testing.TB, db *sqlite.DB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
	defer cancel()
	if err := db.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func fresh(t testing.TB) *sqlite.DB {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "vigil.db"))
}

func wantCode(t *testing.T, err error, want string) {
	t.Helper()
	if got := vigil.CodeOf(err); got != want {
		t.Errorf("code = %q (%v), want %q", got, err, want)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func record(verb, object string) vigil.AuditRecord {
	return vigil.AuditRecord{At: noon(), By: "local", Verb: verb, Object: object}
}

func remediation(id, target string, state vigil.State, version int64) vigil.Remediation {
	to, err := vigil.ParseTarget(target)
	if err != nil {
		panic(err)
	}
	return vigil.Remediation{
		ID: id, Tenant: "default", Origin: vigil.FromPolicy, By: "policy:cpu-high", Policy: "cpu-high", Target: to,
		Reason: "cpu_usage 0.95 > 0.8", State: state, Runbook: []vigil.Step{{Action: "restart-service"}},
		CreatedAt: noon(), UpdatedAt: noon(), Version: version,
	}
}
