package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/metrics"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// otherTables hold no metrics. A table that is in neither list of a schema to
// come fails the test below until somebody says which it is.
var otherTables = []string{
	"actions", "attempts", "audit", "decisions", "episodes", "goose_db_version", "grants", "guards", "inventory", "maintenance",
	"modules", "notices", "notices_open", "pauses", "policies", "posted_actions", "remediations", "settings", "state", "targets", "transcripts",
}

// metricColumns lists the columns of the tables that hold metrics, as the schema
// has them.
func metricColumns(t *testing.T, raw *sql.DB) (columns [][2]string) {
	t.Helper()
	rows, err := raw.QueryContext(t.Context(), `SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY 1, c.cid`)
	err = drain(rows, err, func(r *sql.Rows) error {
		var c [2]string
		err := r.Scan(&c[0], &c[1])
		if !slices.Contains(otherTables, c[0]) {
			columns = append(columns, c)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return columns
}

// sealedAndLogged makes a database with everything that metric tables can hold:
// blocks of several levels, one that was never finished, rows of the log, and
// one that was set aside.
func sealedAndLogged(t *testing.T, dir string) *campaign {
	t.Helper()
	c := &campaign{}
	db, err := Open(t.Context(), campaignPath(dir), Options{})
	if err != nil {
		t.Fatal(err)
	}
	c.seal(t, db, 20)
	c.fill(t, db, 4)
	half := flow.EmptyBlock(1000, 0, 7)
	err = db.AddPages(t.Context(), half, []flow.Page{{PageRef: flow.PageRef{Block: 1000, MinSeries: 1, MaxSeries: 3, Samples: 2}, Data: []byte("half made")}})
	if err == nil {
		err = db.write(t.Context(), func(ctx context.Context, t *tx) error { return t.keepAside(ctx, t.w.tail.logID) })
	}
	if err = errors.Join(err, db.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	return c
}

// seal appends n batches and makes a block of each; some are merged.
func (c *campaign) seal(t *testing.T, db *DB, n int) {
	t.Helper()
	s, err := metrics.Open(t.Context(), metrics.Disk{Journal: db, Archive: db, Past: db}, c.small())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Run(ctx)
	}()
	for range n {
		first := c.take(50)
		b, err := campaignBatch(s, first, 50, c.now())
		if err == nil {
			err = s.Append(t.Context(), b)
		}
		if err == nil {
			err = s.Tidy(t.Context(), c.now())
		}
		if err != nil {
			t.Fatal(err)
		}
		c.ack(first, 50)
	}
	stop()
	<-done
}

// damage flips one bit of one column of one row.
type damage struct {
	table, column string
	row           int64
	bit           int
}

// undone is how a flip is taken back.
type undone struct {
	query string
	args  []any
}

// do flips, and says how to take it back; false if SQLite itself refuses such a
// value, as another row has it.
func (d damage) do(t *testing.T, raw *sql.DB) (undone, bool) {
	t.Helper()
	var was any
	if err := raw.QueryRowContext(t.Context(), fmt.Sprintf(`SELECT %s FROM %s WHERE rowid = ?`, d.column, d.table), d.row).Scan(&was); err != nil {
		t.Fatal(err)
	}
	var is any
	flipped := func(b []byte) []byte {
		b = slices.Clone(b)
		b[d.bit/8%len(b)] ^= 1 << (d.bit % 8)
		return b
	}
	row := d.row
	switch v := was.(type) {
	case int64:
		is = v ^ 1<<(d.bit%64)
		if v == row && (d.column == "id" || d.column == "one") {
			row = is.(int64)
		}
	case string:
		is = string(flipped([]byte(v)))
	case []byte:
		is = flipped(v)
	default:
		t.Fatalf("%s.%s holds a %T", d.table, d.column, was)
	}
	set := fmt.Sprintf(`UPDATE %s SET %s = ? WHERE rowid = ?`, d.table, d.column)
	_, err := raw.ExecContext(t.Context(), set, is, d.row)
	if err != nil && !strings.Contains(err.Error(), "UNIQUE") {
		t.Fatal(err)
	}
	return undone{set, []any{was, row}}, err == nil
}

func rawDB(t *testing.T, dir string) *sql.DB {
	t.Helper()
	raw, err := sql.Open("sqlite", "file:"+campaignPath(dir)+"?_pragma=ignore_check_constraints(1)")
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Whatever bit of whatever column of a row of metrics flips: the store, vigil
// sql and vigil doctor --deep each give what was written or tell the damage.
// Nothing wrong is read, nothing is missing that nobody tells of, and nothing
// that was damaged is tidied away: once the bit is back all is there.
func TestFlip_OfAnyColumnIsToldOrHarmless(t *testing.T) {
	t.Parallel()
	seed, flips := envNumber(t, "VIGIL_SEED", uint64(time.Now().UnixNano())), int(envNumber(t, "VIGIL_FLIPS", 120)/20)
	t.Logf("replay: VIGIL_SEED=%d", seed)
	image := t.TempDir()
	c := sealedAndLogged(t, image)
	raw := rawDB(t, image)
	columns := metricColumns(t, raw)
	var blocks, merged int
	if err := raw.QueryRowContext(t.Context(), `SELECT count(*), sum(level > 0) FROM blocks WHERE live`).Scan(&blocks, &merged); err != nil || blocks < 3 || merged == 0 {
		t.Fatalf("%d blocks, %d of them merged, %v", blocks, merged, err)
	}
	if len(columns) < 40 {
		t.Errorf("%d columns hold metrics: %v", len(columns), columns)
	}
	for n, column := range columns {
		var ids []int64
		rows, err := raw.QueryContext(t.Context(), "SELECT rowid FROM "+column[0])
		if err := drain(rows, err, func(r *sql.Rows) error {
			var id int64
			defer func() { ids = append(ids, id) }()
			return r.Scan(&id)
		}); err != nil || len(ids) == 0 {
			t.Fatalf("%s has no rows, %v", column[0], err)
		}
		t.Run(column[0]+"."+column[1], func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, uint64(n)))
			did := 0
			for i := range flips {
				row := ids[rng.IntN(len(ids))]
				if i == 0 {
					row = ids[len(ids)-1] // the last row says what comes next
				}
				if c.flipColumn(t, image, damage{column[0], column[1], row, rng.IntN(64)}) {
					did++
				}
			}
			if did == 0 {
				t.Error("no bit could be flipped")
			}
		})
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
}

func (c *campaign) flipColumn(t *testing.T, image string, d damage) bool {
	t.Helper()
	dir := t.TempDir()
	defer os.RemoveAll(dir)
	b, err := os.ReadFile(campaignPath(image))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "vigil.db"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	raw := rawDB(t, dir)
	defer raw.Close()
	undo, ok := d.do(t, raw)
	if !ok {
		return false
	}
	var bySQL verdict
	have, err := c.bySQL(t.Context(), campaignPath(dir), &bySQL)
	c.wantTold(t, d, "vigil sql", have, bySQL, err)
	h, err := Examine(t.Context(), campaignPath(dir), Decoders{Log: metrics.DecodeLog, Page: metrics.DecodePage}, nil)
	if err != nil && vigil.CodeOf(err) == "" {
		t.Errorf("%+v: doctor: %v", d, err)
	}
	if err == nil && h.Err() == nil && !harmless(t, raw, d) {
		t.Errorf("%+v: doctor --deep finds nothing", d)
	}
	var byStore verdict
	have, err = c.byStore(t.Context(), campaignPath(dir), &byStore)
	c.wantTold(t, d, "the store", have, byStore, err)
	c.tidyDamaged(t, dir)
	if d.table == "log" { // it was moved aside, with its bytes
		return true
	}
	if _, err := raw.ExecContext(t.Context(), undo.query, undo.args...); err != nil {
		t.Fatal(err)
	}
	v, err := c.judge(t.Context(), campaignPath(dir))
	if err != nil || v.lost > 0 || len(v.wrong) > 0 {
		t.Errorf("%+v: with the bit back: %d samples lost, %v, %v", d, v.lost, v.wrong, err)
	}
	return true
}

// harmless says whether d changes nothing that anybody reads: a page of a block
// that is no history, which the next sweep deletes, or a page's id, which says
// no more than the order of pages, if that is as it was.
func harmless(t *testing.T, raw *sql.DB, d damage) (is bool) {
	t.Helper()
	if d.table != "pages" {
		return false
	}
	row := raw.QueryRowContext(t.Context(), `SELECT count(*) FROM pages p JOIN blocks b ON b.id = p.block WHERE p.rowid = ? AND NOT live`, d.row)
	if err := row.Scan(&is); err != nil {
		t.Fatal(err)
	}
	return is || d.column == "id"
}

// tidyDamaged seals, merges and sweeps what it may.
func (c *campaign) tidyDamaged(t *testing.T, dir string) {
	t.Helper()
	db, err := Open(t.Context(), campaignPath(dir), Options{Now: c.now})
	if err != nil {
		return // told
	}
	s, err := metrics.Open(t.Context(), metrics.Disk{Journal: db, Archive: db, Past: db}, c.small())
	if err == nil {
		err = s.Tidy(t.Context(), c.now())
	}
	if err != nil && vigil.CodeOf(err) == "" {
		t.Errorf("tidy: %v", err)
	}
	if err := db.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// wantTold checks that what is missing was told, and that nothing is wrong.
func (c *campaign) wantTold(t *testing.T, d damage, who string, have map[int]bool, v verdict, err error) {
	t.Helper()
	told := vigil.CodeOf(err) != "" || err != nil && strings.Contains(err.Error(), "integrity check")
	if err != nil && !told {
		t.Errorf("%+v: %s: refused without a code: %v", d, who, err)
	}
	for _, w := range v.wrong {
		if !strings.Contains(w, "damaged") {
			t.Errorf("%+v: %s reads wrong data: %s", d, who, w)
		}
		told = true
	}
	if told {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, seq := range c.acked {
		if !have[seq] {
			t.Errorf("%+v: %s misses sample %d and tells nobody", d, who, seq)
			return
		}
	}
}
