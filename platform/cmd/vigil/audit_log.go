package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/audit"
	"github.com/techmedaddy/vigil/platform/internal/config"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// kept is an audit log on this machine's disk: of a data directory, or in the
// file of a backup.
type kept struct {
	ring     *audit.Ring
	data     string // directory
	database string
	tip      string // file; "" for a backup, which is older than the tip by its nature
}

// openKept finds the audit log of the configured data directory. key is another
// key file, if not empty.
func openKept(conf config.Config, key string) (kept, error) {
	ring, err := audit.Load(cmp.Or(key, conf.AuditKey()))
	if err != nil {
		return kept{}, err
	}
	return kept{ring, conf.Data, filepath.Join(conf.Data, "default", "vigil.db"), audit.TipFile(conf.AuditKey(), "default")}, nil
}

// keptAt finds the audit log of a data directory or of a backup.
func (c *cli) keptAt(path, key string) (kept, error) {
	conf, err := config.Load(c.file, os.Getenv)
	if err != nil {
		return kept{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return kept{}, vigil.Errorf(vigil.NotFound, "database_missing", "there is nothing at %s", path).
			Hinted("name a data directory, or the file of a backup with --key FILE")
	}
	if info.IsDir() {
		conf.Data = path
		return openKept(conf, key)
	}
	k, err := openKept(conf, key)
	k.database, k.tip = path, ""
	return k, err
}

// open lends the database, which another process may be serving.
func (k kept) open(ctx context.Context, use func(*sqlite.DB) error) (err error) {
	db, err := sqlite.Open(ctx, k.database, sqlite.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close(ctx)) }()
	return use(db)
}

// check verifies the whole log.
func (k kept) check(ctx context.Context, progress sqlite.Progress) (check vigil.AuditCheck, err error) {
	var tip *vigil.AuditTip
	if k.tip != "" {
		if tip, err = audit.ReadTip(k.tip); err != nil {
			return check, err
		}
	}
	err = k.open(ctx, func(db *sqlite.DB) error {
		last, err := db.Audit(ctx, -1, 1)
		if err != nil {
			return err
		}
		if len(last) > 0 && last[0].Alg != "" && !k.ring.Ready() {
			return vigil.Errorf(vigil.Unavailable, "audit_key_missing", "there is no audit key at %s", k.ring.Path()).
				Hinted("name the key file with --key FILE; a backup does not hold it")
		}
		var told func(int64)
		if progress != nil && len(last) > 0 {
			told = func(done int64) { progress(done, last[0].Seq) }
		}
		check, err = k.ring.Check(ctx, db, tip, 0, 0, told)
		return err
	})
	return check, err
}

// restored is what a restore did, also to the audit log.
type restored struct {
	sqlite.Restored
	Lost []string `json:"audit_keys_lost,omitempty"` // ids of keys that the backup's log needs and nobody brought
}

// restore makes a backup the database, and its log one that may be gone on with.
func (k kept) restore(ctx context.Context, file, keys string, o sqlite.RestoreOptions) (r restored, err error) {
	if keys != "" {
		other, err := audit.Load(keys)
		if err != nil {
			return r, err
		}
		if !other.Ready() {
			return r, vigil.Errorf(vigil.NotFound, "audit_key_missing", "there is no key file %s", keys).Hinted("name the file of the machine where the backup was made")
		}
		k.ring.Adopt(other)
	}
	before, err := audit.ReadTip(k.tip)
	if err != nil {
		return r, err
	}
	if before != nil {
		if o.Detail, err = json.Marshal(map[string]any{"before": before}); err != nil {
			return r, fmt.Errorf("encode tip: %w", err)
		}
	}
	tip := audit.NewTip(k.tip, k.database, time.Now, slog.New(slog.DiscardHandler))
	o.Record = sqlite.Options{Chain: k.ring.Chain, Tip: tip.Note}
	o.Admit = func(ctx context.Context, db *sqlite.DB) (err error) {
		r.Lost, err = k.ring.Inherit(ctx, db)
		return err
	}
	if r.Restored, err = sqlite.Restore(ctx, file, k.data, "default", o); err != nil {
		return r, err
	}
	return r, tip.Save()
}
