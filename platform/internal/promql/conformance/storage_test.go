package conformance

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/metrics"
	"github.com/techmedaddy/vigil/platform/internal/promql"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// vault is Vigil's storage in Prometheus' terms: a real database, and a store
// that has sealed what was appended before anybody reads it.
type vault struct {
	promql.Queryable
	store *metrics.Store
	close func() error
}

func newVault(t testing.TB) *vault {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "vigil.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	store, err := metrics.Open(t.Context(), metrics.Disk{Journal: db, Archive: db, Past: db}, metrics.Options{
		ChunkSamples: 8, MaxLogBytes: 1, Retention: 1 << 62, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- store.Run(ctx) }()
	return &vault{promql.Queryable{History: store}, store, func() error {
		cancel()
		return errors.Join(<-ended, db.Close(context.Background()))
	}}
}

// AppenderV2 implements storage.Storage.
func (v *vault) AppenderV2(ctx context.Context) storage.AppenderV2 {
	return &appender{ctx: ctx, store: v.store}
}

// appender collects one batch. A context is kept because the interface leaves
// no other way.
type appender struct {
	ctx   context.Context //nolint:containedctx // see above
	store *metrics.Store
	rows  []row
}

type row struct {
	id   uint64
	meta vigil.Series
	t    int64
	v    float64
}

func (a *appender) Append(_ storage.SeriesRef, ls labels.Labels, _, t int64, v float64,
	h *histogram.Histogram, fh *histogram.FloatHistogram, _ storage.AppendV2Options,
) (storage.SeriesRef, error) {
	if h != nil || fh != nil {
		return 0, storage.ErrNativeHistogramsDisabled
	}
	rest := vigil.Labels{}
	ls.Range(func(l labels.Label) {
		if l.Name != labels.MetricName {
			rest[l.Name] = l.Value
		}
	})
	one, err := a.store.Intern(flow.AppendKey(nil, vigil.Series{Name: ls.Get(labels.MetricName), Labels: rest}))
	a.rows = append(a.rows, row{one.ID, one.Meta, t * 1e6, v})
	return storage.SeriesRef(one.ID), err
}

func (a *appender) Commit() error {
	b := &flow.Batch{Received: time.Now()}
	for i, r := range a.rows {
		b.Runs = append(b.Runs, flow.Run{ID: r.id, Meta: r.meta, First: uint32(i), Count: 1})
		b.Times = append(b.Times, r.t)
		b.Values = append(b.Values, r.v)
	}
	if err := a.store.Append(a.ctx, b); err != nil {
		return err
	}
	return a.store.Tidy(a.ctx, time.Now())
}

func (a *appender) Rollback() error { return nil }

// Close implements storage.Storage.
func (v *vault) Close() error { return v.close() }

// StartTime implements storage.Storage.
func (v *vault) StartTime() (int64, error) { return 0, nil }

// ChunkQuerier implements storage.Storage; the engine never asks.
func (v *vault) ChunkQuerier(int64, int64) (storage.ChunkQuerier, error) {
	return nil, errors.New("no chunks")
}

// Appender implements storage.Storage; the scripts use AppenderV2.
func (v *vault) Appender(context.Context) storage.Appender { return nil }
