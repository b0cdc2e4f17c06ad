package sqlite

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// envNumber reads how long a campaign is, or how it is seeded.
func envNumber(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// cutLife runs one life on the disk of dir until its power is cut, and returns
// the directory in which the disk is found afterwards.
func (c *campaign) cutLife(t *testing.T, dir string, rng *rand.Rand, weaken func(*platter, *DB)) (next string, err error) {
	t.Helper()
	next = t.TempDir()
	c.begin()
	ctx, dark := context.WithTimeout(t.Context(), 30*time.Second)
	defer dark()
	power := thePower()
	disk := power.plug(t, dir, 20+rng.IntN(600), rng, func(image map[string][]byte) {
		c.end()
		for name, b := range image {
			if err := os.WriteFile(filepath.Join(next, name), b, 0o600); err != nil {
				t.Error(err)
			}
		}
		dark()
	})
	defer power.unplug(dir)
	db, err := Open(context.WithoutCancel(ctx), campaignPath(dir), Options{vfs: "powercut", WALBytes: 8 * frameBytes})
	if err != nil {
		return "", err
	}
	weaken(disk, db)
	err = c.live(ctx, db, rand.New(rand.NewPCG(rng.Uint64(), 1)))
	if closed := db.Close(context.WithoutCancel(ctx)); err == nil {
		err = closed
	}
	if ctx.Err() == context.DeadlineExceeded {
		t.Fatal("the disk was not used enough to be cut")
	}
	_ = os.RemoveAll(dir)
	return next, err
}

// On a disk that honours a sync no cut loses, doubles or changes a sample,
// wherever it falls: while a group is committed, the log sealed, blocks merged
// or swept, the file shrunk, or the write-ahead log folded. VIGIL_CUTS sets how
// often (200), VIGIL_SEED repeats a campaign.
func TestPowerCut_LosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	cuts, seed := int(envNumber(t, "VIGIL_CUTS", 200)), envNumber(t, "VIGIL_SEED", uint64(time.Now().UnixNano()))
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Logf("replay: VIGIL_SEED=%d VIGIL_CUTS=%d go test -run TestPowerCut_LosesNothing ./platform/internal/sqlite", seed, cuts)
	c, dir, looked := &campaign{}, t.TempDir(), 0
	for i := range cuts {
		var err error
		if i%50 == 49 { // the first steps of a database are cut too
			c, dir = &campaign{crossed: c.crossed, folded: c.folded}, t.TempDir()
		}
		if dir, err = c.cutLife(t, dir, rng, func(*platter, *DB) {}); err != nil {
			t.Fatalf("life %d: %v", i, err)
		}
		v, err := c.judge(t.Context(), campaignPath(dir))
		if err != nil || v.lost > 0 || len(v.wrong) > 0 {
			t.Fatalf("cut %d: %d acknowledged samples lost of %d, wrong: %v, %v", i, v.lost, v.lost+v.kept, v.wrong, err)
		}
		looked += v.kept
	}
	t.Logf("%d cuts, %d samples looked for and found", cuts, looked)
	c.wantCrossed(t)
}

// The same campaign must lose when the disk lies about a sync, or a commit does
// not ask for one: otherwise it proves nothing. What is read is still never
// wrong, since rows and pages carry checksums.
func TestPowerCut_SeesTheLossWhenACommitIsNotSynced(t *testing.T) {
	t.Parallel()
	for name, weaken := range map[string]func(*platter, *DB){
		"lying-disk": func(d *platter, _ *DB) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.lies = true
		},
		"synchronous-normal": func(_ *platter, db *DB) {
			if _, err := db.w.conn.ExecContext(context.Background(), "PRAGMA synchronous = NORMAL"); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(1, 0))
			lost, refused := 0, 0
			for range 20 {
				c := &campaign{} // a lie may have ruined the disk for good
				dir, err := c.cutLife(t, t.TempDir(), rng, weaken)
				if err != nil {
					t.Fatal(err)
				}
				v, err := c.judge(t.Context(), campaignPath(dir))
				if err != nil {
					if vigil.CodeOf(err) == "" {
						t.Errorf("refused without a code: %v", err)
					}
					refused++
					continue
				}
				lost += v.lost
				for _, w := range v.wrong {
					if !strings.Contains(w, "damaged") {
						t.Errorf("wrong data was read: %s", w)
					}
				}
			}
			t.Logf("%d acknowledged samples lost, %d of 20 databases refused", lost, refused)
			if lost == 0 {
				t.Error("nothing was lost, so the campaign above would not notice a loss")
			}
		})
	}
}
