package app

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/audit"
	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// BenchmarkAuditVerify reads and checks a log of 100,000 records from disk.
func BenchmarkAuditVerify(b *testing.B) {
	const records, at = 100_000, 10_000
	ring, err := audit.Load(filepath.Join(b.TempDir(), "key"))
	if err != nil {
		b.Fatal(err)
	}
	if err := ring.Renew(); err != nil {
		b.Fatal(err)
	}
	db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "vigil.db"), sqlite.Options{Chain: ring.Chain, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close(b.Context())
	recs := make([]vigil.AuditRecord, at)
	for i := range recs {
		recs[i] = vigil.AuditRecord{By: "policy:cpu-high", Verb: "remediation.planned", Object: "rem-4k2j9q8x7m", Target: "service:web@host-1", From: "planned", To: "leased", Message: "0.95 is above 0.8", Detail: []byte(`{"value":0.95}`)}
	}
	for range records / at {
		if err := db.Apply(b.Context(), flow.Change{Audit: recs}); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		check, err := ring.Check(b.Context(), db, nil, 0, 0, nil)
		if err != nil || check.Bad != nil || check.Last != records {
			b.Fatal(check, err)
		}
	}
	b.ReportMetric(float64(records*b.N)/b.Elapsed().Seconds(), "records/s")
}
