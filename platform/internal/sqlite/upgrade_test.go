package sqlite

import (
	"compress/gzip"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
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
