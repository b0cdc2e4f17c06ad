package sqlite

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// copyDB copies a database and its write-ahead log as they lie there.
func copyDB(t *testing.T, from, to string) {
	t.Helper()
	for _, name := range []string{"vigil.db", "vigil.db-wal"} {
		b, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A bit that flips on the disk gives an error with a code, or damage that is
// told, but never a sample that nobody sent.
func TestBitFlip_NeverBecomesData(t *testing.T) {
	t.Parallel()
	seed := envNumber(t, "VIGIL_SEED", uint64(time.Now().UnixNano()))
	flips := int(envNumber(t, "VIGIL_FLIPS", 120))
	t.Logf("replay: VIGIL_SEED=%d VIGIL_FLIPS=%d go test -run TestBitFlip ./platform/internal/sqlite", seed, flips)
	rng := rand.New(rand.NewPCG(seed, 0))
	c, dir, image := &campaign{}, t.TempDir(), t.TempDir()
	db, err := Open(t.Context(), campaignPath(dir), Options{WALBytes: 200 * frameBytes})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer stop()
	if err := c.live(ctx, db, rng); err != nil {
		t.Fatal(err)
	}
	copyDB(t, dir, image)
	if err := db.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused, told, missing, harmless := 0, 0, 0, 0
	for range flips {
		hurt := t.TempDir()
		copyDB(t, image, hurt)
		flip(t, filepath.Join(hurt, []string{"vigil.db", "vigil.db-wal"}[rng.IntN(2)]), rng)
		v, err := c.judge(t.Context(), campaignPath(hurt))
		switch {
		case err != nil:
			if vigil.CodeOf(err) == "" && !strings.Contains(err.Error(), "integrity check") {
				t.Errorf("refused without a code: %v", err)
			}
			refused++
		case len(v.wrong) > 0:
			for _, w := range v.wrong {
				if !strings.Contains(w, "damaged") {
					t.Errorf("wrong data was read: %s", w)
				}
			}
			told++
		case v.lost > 0:
			missing++
		default:
			harmless++
		}
		_ = os.RemoveAll(hurt)
	}
	t.Logf("%d flips: %d refused, %d told, %d ended the write-ahead log early, %d harmless", flips, refused, told, missing, harmless)
}

func flip(t *testing.T, path string, rng *rand.Rand) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
