package app

import "github.com/techmedaddy/vigil/platform/internal/metrics"

// meter shows a tenant's numbers on /metrics. They live with the parts that
// count and are read when somebody looks.
func (a *App) meter(t *tenant) {
	number := func(n func() uint64) func() float64 { return func() float64 { return float64(n()) } }
	a.tel.Counter("vigil_evaluations_total", "Guest calls answered by policies.",
		number(func() uint64 { return t.policies.Stats().Evaluations }))
	a.tel.Counter("vigil_evaluation_failures_total", "Guest calls that failed; none of them led to an action.",
		number(func() uint64 { return t.policies.Stats().Failures }))
	a.tel.Counter("vigil_samples_skipped_total", "Samples passed over by policies under overload.",
		number(func() uint64 { return t.policies.Stats().Skipped }))
	a.tel.Counter("vigil_ingest_accepted_total", "Samples, points and lines accepted; they are on disk.",
		number(func() uint64 { return t.ingest.Stats().Accepted }))
	a.tel.Counter("vigil_ingest_refused_total", "Samples, points and lines left out or refused with their request.",
		number(func() uint64 { return t.ingest.Stats().Refused }))
	a.tel.Counter("vigil_ingest_skipped_total", "Values of line protocol that are no numbers.",
		number(func() uint64 { return t.ingest.Stats().Skipped }))
	a.tel.Gauge("vigil_series", "Series known to the metric store.",
		func() float64 { return float64(t.history.Series()) })
	a.tel.Gauge("vigil_ingest_waiting_bytes", "Batches that wait for their commit.",
		func() float64 { return float64(t.history.Waiting()) })
	a.tel.Counter("vigil_log_rows_corrupt_total", "Rows of the metric log that were set aside.",
		func() float64 { return float64(t.history.Corrupt()) })
	did := func(n func(metrics.Stats) int64) func() float64 {
		return func() float64 { return float64(n(t.history.Stats())) }
	}
	a.tel.Counter("vigil_history_sealed_total", "Blocks made from the metric log.", did(func(s metrics.Stats) int64 { return s.Sealed }))
	a.tel.Counter("vigil_history_cut_total", "Rows of the metric log deleted since a block has their samples.", did(func(s metrics.Stats) int64 { return s.Cut }))
	a.tel.Counter("vigil_history_merged_total", "Blocks made from smaller blocks.", did(func(s metrics.Stats) int64 { return s.Merged }))
	a.tel.Counter("vigil_history_swept_total", "Replaced or expired blocks that were deleted.", did(func(s metrics.Stats) int64 { return s.Swept }))
	a.tel.Counter("vigil_history_trimmed_total", "Blocks and log rows that retention took.", did(func(s metrics.Stats) int64 { return s.Trimmed }))
	a.tel.Counter("vigil_series_forgotten_total", "Series dropped since no sample of theirs is kept.", did(func(s metrics.Stats) int64 { return s.Forgot }))
	a.tel.Counter("vigil_storage_checkpoints_total", "Times the write-ahead log was folded into the database.",
		func() float64 { return float64(t.db.Checkpoints()) })
	a.tel.Gauges("vigil_holds_total", "Actions held back, by reason.", "reason", func() map[string]float64 {
		out := map[string]float64{}
		for reason, n := range t.healer.Held() {
			out[string(reason)] = float64(n)
		}
		return out
	})
	a.tel.Gauges("vigil_notifications_total", "Messages to people, by how their delivery ended.", "state", t.notifier.Ended)
	a.meterPolicies(t)
}
