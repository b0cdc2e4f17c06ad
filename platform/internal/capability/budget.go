package capability

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/durable"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// budgets counts how often each grant was used on this host: one file a grant,
// with the times of its uses that still count, so that neither a restart nor a
// new lease begins the count anew. A use is on disk before its effect; what
// cannot be counted is not done.
type budgets struct {
	dir string
	mu  sync.Mutex // makes reading and replacing one step
}

// uses are the times that count against a budget, the oldest first.
type uses struct {
	Grant string  `json:"grant"`
	At    []int64 `json:"at"` // unix nanoseconds
}

// spend takes one use from the first grant that has one left, or only looks
// whether there is one. A grant without a budget is never used up.
func (b *budgets) spend(grants []vigil.Grant, now time.Time, onlyLook bool) error {
	if slices.ContainsFunc(grants, func(g vigil.Grant) bool { return g.Budget.N == 0 }) {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var free time.Time // when the next use is
	for _, g := range grants {
		u, err := b.read(g, now)
		if err != nil {
			return err
		}
		if left := g.Budget.N - len(u.At); left > 0 {
			if onlyLook {
				return nil
			}
			u.At = append(u.At, now.UnixNano())
			return b.write(u)
		}
		if at := u.free(g.Budget); free.IsZero() || at.Before(free) {
			free = at
		}
	}
	return exhausted(grants, free)
}

// free is when the oldest use that stands in the way no longer counts.
func (u uses) free(r vigil.Rate) time.Time {
	return time.Unix(0, u.At[len(u.At)-r.N]).Add(r.Per.D()).UTC()
}

func exhausted(grants []vigil.Grant, free time.Time) error {
	if len(grants) == 0 {
		return denied("no grant allows it any more")
	}
	return vigil.Errorf(vigil.Held, "budget_exhausted", "the budget of %s (%s) is used up until %s",
		grants[0].ID, grants[0].Budget, free.Format(time.RFC3339)).
		With("retry_at", free).Hinted("vigil grant add MODULE CAPABILITY TARGET --budget N/1h")
}

// read returns the uses of a grant that still count.
func (b *budgets) read(g vigil.Grant, now time.Time) (uses, error) {
	u := uses{Grant: counted(g)}
	doc, err := os.ReadFile(b.path(u.Grant))
	if errors.Is(err, fs.ErrNotExist) {
		return u, nil
	}
	if err != nil {
		return u, fmt.Errorf("read budget of %s: %w", u.Grant, err)
	}
	if err := json.Unmarshal(doc, &u); err != nil {
		return u, vigil.Errorf(vigil.Unavailable, "state_corrupt", "the budget of %s cannot be read: %v", u.Grant, err).
			Hinted("look at %s and remove it if it may begin anew", b.path(counted(g)))
	}
	u.Grant = counted(g)
	from := now.Add(-g.Budget.Per.D()).UnixNano()
	u.At = slices.DeleteFunc(u.At, func(at int64) bool { return at <= from })
	return u, b.land(u, now.UnixNano())
}

// land moves the uses that lie in the future, made before the clock was set
// back, to now; else they would stand in the way until the clock has caught up.
func (b *budgets) land(u uses, now int64) error {
	late := false
	for i, at := range u.At {
		late = late || at > now
		u.At[i] = min(at, now)
	}
	if !late {
		return nil
	}
	return b.write(u)
}

func (b *budgets) write(u uses) error {
	doc, err := json.Marshal(u)
	if err != nil {
		return fmt.Errorf("encode budget of %s: %w", u.Grant, err)
	}
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return fmt.Errorf("make budget directory: %w", err)
	}
	if err := durable.Replace(b.path(u.Grant), doc); err != nil {
		return fmt.Errorf("store budget of %s: %w", u.Grant, err)
	}
	return nil
}

// counted is whose uses count: those of a grant that was carried over from
// another one count with it, so that an upgrade is no new budget.
func counted(g vigil.Grant) string { return cmp.Or(g.Origin, g.ID) }

// path is where a grant's uses lie. The name is a digest, since an id comes from
// elsewhere and could be any text.
func (b *budgets) path(grant string) string {
	sum := sha256.Sum256([]byte(grant))
	return filepath.Join(b.dir, hex.EncodeToString(sum[:12])+".json")
}
