package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pressly/goose/v3"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// upgrades are the steps of the schema that SQL alone cannot take.
func upgrades() []*goose.Migration {
	return []*goose.Migration{goose.NewGoMigration(11, &goose.GoFunc{RunTx: addSums}, nil)}
}

// addSums gives every row that tells what is history a checksum of its columns.
// The log and its pages carry theirs beside that of their bytes.
func addSums(ctx context.Context, t *sql.Tx) error {
	for _, s := range []string{
		`ALTER TABLE series ADD COLUMN sum INTEGER NOT NULL DEFAULT 0`,
		`ALTER TABLE blocks ADD COLUMN page_index INTEGER NOT NULL DEFAULT 0`,
		`ALTER TABLE blocks ADD COLUMN sum INTEGER NOT NULL DEFAULT 0`,
		`ALTER TABLE log_sealed ADD COLUMN sum INTEGER NOT NULL DEFAULT 0`,
		`ALTER TABLE log_aside ADD COLUMN sum INTEGER NOT NULL DEFAULT 0`,
	} {
		if _, err := t.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	for _, step := range []func(context.Context, *sql.Tx) error{sumSeries, sumBlocks, sumSealed, sumAside} {
		if err := step(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// scanned reads all of a query's rows at once.
func scanned[T any](ctx context.Context, t *sql.Tx, scan func(*sql.Rows) (T, error), query string, args ...any) (all []T, err error) {
	rows, err := t.QueryContext(ctx, query, args...)
	err = drain(rows, err, func(r *sql.Rows) error {
		one, err := scan(r)
		all = append(all, one)
		return err
	})
	return all, err
}

func sumSeries(ctx context.Context, t *sql.Tx) error {
	update, err := t.PrepareContext(ctx, `UPDATE series SET sum = ? WHERE id = ?`)
	if err != nil {
		return err
	}
	defer update.Close()
	for after, more := int64(-1<<63), true; more; {
		sums, err := scanned(ctx, t, func(r *sql.Rows) (s [2]int64, err error) {
			var tenant, name, labels string
			var seen int64
			err = r.Scan(&s[0], &tenant, &name, &labels, &seen)
			s[1] = seriesSum(s[0], tenant, name, labels, seen)
			return s, err
		}, `SELECT id, tenant, name, labels, seen FROM series WHERE id > ? ORDER BY id LIMIT ?`, after, listMax)
		if err != nil {
			return err
		}
		for _, s := range sums {
			if _, err := update.ExecContext(ctx, s[1], s[0]); err != nil {
				return err
			}
			after = s[0]
		}
		more = len(sums) == listMax
	}
	return nil
}

func sumBlocks(ctx context.Context, t *sql.Tx) error {
	type owned struct {
		tenant string
		flow.Block
	}
	blocks, err := scanned(ctx, t, func(r *sql.Rows) (b owned, err error) {
		return b, r.Scan(&b.ID, &b.tenant, &b.Level, &b.First, &b.MinTime, &b.MaxTime, &b.Samples, &b.Bytes, &b.Live)
	}, `SELECT id, tenant, level, first, min_time, max_time, samples, bytes, live FROM blocks`)
	if err != nil {
		return err
	}
	for _, b := range blocks {
		if b.Live {
			refs, err := scanned(ctx, t, scanPageRef, `SELECT id, min_series, max_series, min_time, max_time, samples FROM pages WHERE block = ? ORDER BY id`, b.ID)
			if err != nil {
				return err
			}
			counted := flow.Block{}
			for _, ref := range refs {
				counted.Count(ref, 0)
			}
			b.Index = counted.Index
		}
		_, err := t.ExecContext(ctx, `UPDATE blocks SET page_index = ?, sum = ? WHERE id = ?`, int64(b.Index), blockSum(b.tenant, b.Block), b.ID)
		if err != nil {
			return err
		}
	}
	return nil
}

func sumSealed(ctx context.Context, t *sql.Tx) error {
	var one, upto, samples int64
	if err := t.QueryRowContext(ctx, `SELECT one, upto, samples FROM log_sealed`).Scan(&one, &upto, &samples); err != nil {
		return err
	}
	_, err := t.ExecContext(ctx, `UPDATE log_sealed SET sum = ?`, sealedSum(one, upto, samples))
	return err
}

func sumAside(ctx context.Context, t *sql.Tx) error {
	sums, err := scanned(ctx, t, func(r *sql.Rows) (s [2]int64, err error) {
		var checksum int64
		var batch sql.RawBytes
		err = r.Scan(&s[0], &checksum, &batch)
		s[1] = asideSum(s[0], checksum, batch)
		return s, err
	}, `SELECT id, checksum, batch FROM log_aside`)
	for _, s := range sums {
		if err == nil {
			_, err = t.ExecContext(ctx, `UPDATE log_aside SET sum = ? WHERE id = ?`, s[1], s[0])
		}
	}
	return err
}
