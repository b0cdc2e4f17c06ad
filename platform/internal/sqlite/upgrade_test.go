package sqlite

import (
	"compress/gzip"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/metrics"
)

// schema1 writes the database that the first schema's program left behind: 300
// numbered samples in its log and five audit records.
func schema1(t *testing.T, dir string) *campaign {
	t.Helper()
	in, err := os.Open(filepath.Join("testdata", "schema-1.db.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	z, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(campaignPath(dir), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	c := &campaign{next: 300}
	c.ack(0, 300)
	return c
}

func wantSchema1(t *testing.T, c *campaign, dir string) {
	t.Helper()
	v, err := c.judge(t.Context(), campaignPath(dir))
	if err != nil || v.lost > 0 || v.kept != 300 || len(v.wrong) > 0 {
		t.Errorf("after the upgrade: %+v, %v; want 300 samples", v, err)
	}
	_, rows, err := Query(t.Context(), campaignPath(dir), "SELECT count(*) FROM audit", QueryOptions{})
	if err != nil || rows[0][0] != int64(5) {
		t.Errorf("audit records = %v, %v; want 5", rows, err)
	}
}

// A database of the version before is brought up to date at its first open, and
// a power cut at any step of that changes nothing: the next open does it again.
func TestMigrate_SurvivesAPowerCutAtAnyStep(t *testing.T) {
	t.Parallel()
	whole := false
	for step := 1; !whole; step++ {
		dir, next := t.TempDir(), t.TempDir()
		c := schema1(t, dir)
		cut := false
		thePower().plug(t, dir, step, rand.New(rand.NewPCG(uint64(step), 0)), func(image map[string][]byte) {
			cut = true
			for name, b := range image {
				if err := os.WriteFile(filepath.Join(next, name), b, 0o600); err != nil {
					t.Error(err)
				}
			}
		})
		db, err := Open(t.Context(), campaignPath(dir), Options{vfs: "powercut"})
		if err != nil {
			t.Fatal(err)
		}
		if whole = !cut; whole {
			if step < 5 {
				t.Errorf("the upgrade took %d writes and syncs only", step)
			}
			next = dir
		}
		if err := db.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		thePower().unplug(dir)
		wantSchema1(t, c, next)
	}
}

// A database from before rows had checksums gets them at its first open, of all
// its rows: blocks, series, and what was set aside.
func TestMigrate_GivesOldRowsTheirChecksums(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := sealedAndLogged(t, dir)
	raw := rawDB(t, dir)
	for _, back := range []string{
		`ALTER TABLE series DROP COLUMN sum`, `ALTER TABLE blocks DROP COLUMN sum`, `ALTER TABLE blocks DROP COLUMN page_index`,
		`ALTER TABLE log_sealed DROP COLUMN sum`, `ALTER TABLE log_aside DROP COLUMN sum`,
		`UPDATE log SET checksum = checksum & 4294967295`, `DELETE FROM goose_db_version WHERE version_id >= 11`,
	} {
		if _, err := raw.ExecContext(t.Context(), back); err != nil {
			t.Fatalf("%s: %v", back, err)
		}
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	v, err := c.judge(t.Context(), campaignPath(dir))
	if err != nil || v.lost > 0 || v.kept != 1480 || len(v.wrong) > 0 {
		t.Errorf("after the upgrade: %+v, %v", v, err)
	}
	h, err := Examine(t.Context(), campaignPath(dir), Decoders{Log: metrics.DecodeLog, Page: metrics.DecodePage}, nil)
	if err != nil || h.Err() != nil {
		t.Errorf("doctor after the upgrade: %v, %v", h.Err(), err)
	}
}
