package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

//go:embed migrations/*.sql
var migrations embed.FS

func schema(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithDisableGlobalRegistry(true), goose.WithGoMigrations(upgrades()...), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return p, nil
}

// migrate brings the schema to this binary's version, each step in one
// transaction. A database that a newer binary has touched is refused before
// anything is written to it.
func migrate(ctx context.Context, db *sql.DB) error {
	p, err := schema(db)
	if err != nil {
		return err
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if have > want {
		return newer(have, want)
	}
	if have == want {
		return nil
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate schema from %d to %d: %w", have, want, err)
	}
	return nil
}

// checkSchema is migrate for who may not write.
func checkSchema(ctx context.Context, db *sql.DB) error {
	p, err := schema(db)
	if err != nil {
		return err
	}
	sources := p.ListSources()
	want := sources[len(sources)-1].Version
	var have int64
	if err := db.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version").Scan(&have); err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if have > want {
		return newer(have, want)
	}
	if have < want {
		return vigil.Errorf(vigil.Unavailable, "schema_older", "the database has schema %d, this program reads %d", have, want).
			Hinted("start vigil up once with this version")
	}
	return nil
}

func newer(have, want int64) error {
	return vigil.Errorf(vigil.Unavailable, "schema_newer", "the database has schema %d, this program knows %d", have, want).
		Hinted("use the newer version that wrote it, or restore a copy from before the upgrade")
}
