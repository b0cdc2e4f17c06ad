package sqlite_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// plain is a log row of fixed-width samples.
func plain(samples ...[3]float64) (g flow.LogGroup) {
	g.MinTime, g.MaxTime, g.Samples = math.MaxInt64, math.MinInt64, len(samples)
	for _, s := range samples {
		ts := noon().Add(time.Duration(s[1] * float64(time.Second))).UnixNano()
		g.MinTime, g.MaxTime = min(g.MinTime, ts), max(g.MaxTime, ts)
		g.Blob = binary.LittleEndian.AppendUint64(g.Blob, uint64(s[0]))
		g.Blob = binary.LittleEndian.AppendUint64(g.Blob, uint64(ts))
		g.Blob = binary.LittleEndian.AppendUint64(g.Blob, math.Float64bits(s[2]))
	}
	return g
}

func decodePlain(r flow.LogRow, yield func(uint64, int64, float64) bool) error {
	if len(r.Blob)%24 != 0 {
		return errors.New("torn")
	}
	for b := r.Blob; len(b) > 0; b = b[24:] {
		u := binary.LittleEndian.Uint64
		if !yield(u(b), int64(u(b[8:])), math.Float64frombits(u(b[16:]))) {
			return nil
		}
	}
	return nil
}

func shell(t *testing.T, path, query string) ([]string, [][]any, error) {
	t.Helper()
	return sqlite.Query(t.Context(), path, query, sqlite.QueryOptions{DecodeLog: decodePlain})
}

func TestQuery_ReadsMetricsWhileAnotherHasItOpen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vi gil?%.db")
	db := open(t, path)
	g := plain([3]float64{1, 0, 0.12}, [3]float64{2, 1, math.NaN()})
	g.NewSeries = []flow.SeriesRow{series(1, "cpu_usage", nil), series(2, "mem", vigil.Labels{"host": "a", "b": "c"})}
	must(t, db.AppendLog(t.Context(), g))
	must(t, db.AppendLog(t.Context(), plain([3]float64{1, 60, 0.95})))

	cols, rows, err := shell(t, path, `SELECT * FROM metrics ORDER BY id`)
	must(t, err)
	if diff := cmp.Diff([]string{"id", "name", "value", "ts", "labels"}, cols); diff != "" {
		t.Error(diff)
	}
	want := [][]any{
		{int64(1), "cpu_usage", 0.12, "2026-03-01T12:00:00.123Z", "{}"},
		{int64(2), "mem", nil, "2026-03-01T12:00:01.123Z", `{"b":"c","host":"a"}`},
		{int64(3), "cpu_usage", 0.95, "2026-03-01T12:01:00.123Z", "{}"},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	// What is committed while the shell is open elsewhere is seen by the next query.
	must(t, db.AppendLog(t.Context(), plain([3]float64{1, 61, 0.5})))
	_, rows, err = shell(t, path, `SELECT count(*), max(value) FROM metrics WHERE name = 'cpu_usage'`)
	must(t, err)
	if diff := cmp.Diff([][]any{{int64(3), 0.95}}, rows); diff != "" {
		t.Error(diff)
	}
	closeDB(t, db)
	_, rows, err = shell(t, path, `SELECT count(*) FROM metrics a JOIN metrics b ON a.id = b.id`)
	must(t, err)
	if diff := cmp.Diff([][]any{{int64(4)}}, rows); diff != "" {
		t.Error(diff)
	}
}

func TestQuery_TimeBoundsNeverLoseARow(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vigil.db")
	db := open(t, path)
	for day := range 3 {
		for h := range 24 {
			must(t, db.AppendLog(t.Context(), plain([3]float64{1, float64(day*86400 + h*3600), 1})))
		}
	}
	for _, bound := range []string{
		"2026-03-02", "2026-03-02T", "2026-03-02T03", "2026-03-02T03:00", "2026-03-02T03:00:00", "2026-03-02T03:00:00.123Z",
		"2026-03-02T03:00:00Z", "2026-03-02 03:00:00", "2026-03", "", "x", "2026-03-02T03:00:00+02:00", "9999-01-01",
	} {
		for _, op := range []string{"<", "<=", "=", ">", ">="} {
			// The unary plus hides the constraint from the table.
			query := `SELECT (SELECT count(*) FROM metrics WHERE ts %[1]s '%[2]s'), (SELECT count(*) FROM metrics WHERE +ts %[1]s '%[2]s')`
			_, rows, err := shell(t, path, fmt.Sprintf(query, op, bound))
			must(t, err)
			if rows[0][0] != rows[0][1] {
				t.Errorf("ts %s %q: %v rows with the bound pushed down, %v without", op, bound, rows[0][0], rows[0][1])
			}
		}
	}
}

func TestQuery_CanChangeNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "vigil.db")
	db := open(t, path)
	must(t, db.AppendAudit(t.Context(), record("x", "y")))
	f := func(query, code string) {
		t.Helper()
		_, _, err := shell(t, path, query)
		wantCode(t, err, code)
	}
	f(`DELETE FROM settings`, "sql_read_only")
	f(`PRAGMA query_only = 0; DELETE FROM settings`, "sql_read_only")
	f(`ATTACH '`+filepath.Join(dir, "other.db")+`' AS other`, "sql_invalid")
	f(`SELECT nonsense`, "sql_invalid")
	f(`SELECT "name" FROM settings`, "sql_invalid")
	if _, err := os.Stat(filepath.Join(dir, "other.db")); err == nil {
		t.Error("a query made a file")
	}
	_, _, err := sqlite.Query(t.Context(), filepath.Join(dir, "none.db"), `SELECT 1`, sqlite.QueryOptions{})
	wantCode(t, err, "database_not_found")
	endless := `WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT i FROM n`
	_, _, err = sqlite.Query(t.Context(), path, endless, sqlite.QueryOptions{Limit: 100})
	wantCode(t, err, "result_too_large")
}

func TestQuery_EndsInTime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vigil.db")
	open(t, path)
	_, _, err := sqlite.Query(t.Context(), path, `WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n`,
		sqlite.QueryOptions{Timeout: 50 * time.Millisecond})
	wantCode(t, err, "query_timeout")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := sqlite.Query(ctx, path, `SELECT 1`, sqlite.QueryOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled = %v", err)
	}
}

func TestQuery_NamesADamagedRow(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vigil.db")
	db := open(t, path)
	must(t, db.AppendLog(t.Context(), group("torn", 0, 1)))
	_, _, err := shell(t, path, `SELECT * FROM metrics`)
	wantCode(t, err, "storage_corrupt")
	_, rows, err := shell(t, path, `SELECT count(*) FROM metrics WHERE ts > '2026-01-01'`)
	must(t, err)
	if diff := cmp.Diff([][]any{{int64(0)}}, rows); diff != "" {
		t.Error(diff)
	}
}

func TestQuery_SeesTheSeedsActions(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vigil.db")
	db := open(t, path)
	must(t, db.Apply(t.Context(), flow.Change{Remediations: []vigil.Remediation{remediation("rem-1", "service:web", vigil.Planned, 1)}}))
	cols, rows, err := shell(t, path, `SELECT * FROM actions`)
	must(t, err)
	if diff := cmp.Diff([]string{"id", "target", "action", "status", "details", "started_at"}, cols); diff != "" {
		t.Error(diff)
	}
	want := [][]any{{"rem-1", "service:web", "restart-service", "pending", "cpu_usage 0.95 > 0.8", "2026-03-01T12:00:00.123Z"}}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
}
