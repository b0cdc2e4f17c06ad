package sqlite_test

import (
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// One durable write on an idle database: what an ingest of one sample waits for.
func BenchmarkAppendLog_Single(b *testing.B) {
	db := fresh(b)
	g := flow.LogGroup{Blob: make([]byte, 64), Samples: 1}
	b.ReportAllocs()
	for b.Loop() {
		must(b, db.AppendLog(b.Context(), g))
	}
}

// One step of the healer: a remediation, its attempt, a target and an audit record.
func BenchmarkApply(b *testing.B) {
	db := fresh(b)
	r := remediation("rem-1", "service:web", vigil.Planned, 0)
	for b.Loop() {
		r.Version++
		must(b, db.Apply(b.Context(), flow.Change{
			Remediations: []vigil.Remediation{r},
			Targets:      []flow.TargetMemory{{Target: r.Target, Fence: uint64(r.Version)}},
			Audit:        []vigil.AuditRecord{record("remediation.x", r.ID)},
		}))
	}
}

// Groups of 1,000 samples from 64 callers at once, as a loaded ingest hands them on.
func BenchmarkAppendLog_Groups(b *testing.B) {
	const samples, blob = 1000, 4000
	db := fresh(b)
	g := flow.LogGroup{Blob: make([]byte, blob), Samples: samples}
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := db.AppendLog(b.Context(), g); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)*samples/b.Elapsed().Seconds(), "samples/s")
}

// Audit records from many callers: how far a shared commit carries.
func BenchmarkAppendAudit_Parallel(b *testing.B) {
	db := fresh(b)
	var n atomic.Int64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := db.AppendAudit(b.Context(), record("x", strconv.FormatInt(n.Add(1), 10))); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
