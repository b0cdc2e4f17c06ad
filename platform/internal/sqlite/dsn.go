package sqlite

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	driver "modernc.org/sqlite"
)

// settleProcess sets what the driver keeps once per process: fdatasync halves
// the time of a commit and loses nothing; OFD locks survive somebody else in
// the process closing a descriptor of the file; strict pragmas keep a path
// from carrying SQL. Setting them again is harmless.
func settleProcess(log *slog.Logger) error {
	driver.StrictPragmas(true)
	if _, err := driver.Fdatasync(true); err != nil {
		log.Info("disk is synced with fsync, not fdatasync", "err", err)
	}
	_, err := driver.OFDLocking(true)
	switch {
	case errors.Is(err, driver.ErrOFDLockingUnavailable):
		log.Info("database is locked with POSIX locks", "err", err)
	case err != nil:
		return fmt.Errorf("choose file locks: %w", err)
	}
	return nil
}

// writerDSN opens for the writer: durable on every commit, checkpoints only
// when the writer says so.
func writerDSN(path, vfs string) (string, error) {
	return dsn(path, url.Values{
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"},
		"_foreign_keys": {"1"},
		"_txlock":       {"immediate"},
		"_pragma": {
			"auto_vacuum(2)", // only a new file heeds it, and only before its journal mode
			"wal_autocheckpoint(0)",
			"journal_size_limit(67108864)",
			"mmap_size(0)",
			"cell_size_check(1)",
			"trusted_schema(0)",
		},
	}, vfs)
}

// readerDSN opens for reading. With mode ro the file cannot be written even by
// a statement that turns query_only off.
func readerDSN(path, mode string, queryOnly bool, vfs string) (string, error) {
	q := url.Values{
		"mode":    {mode},
		"_pragma": {"mmap_size(0)", "cell_size_check(1)", "trusted_schema(0)"},
	}
	if queryOnly {
		q.Set("_query_only", "1")
	}
	return dsn(path, q, vfs)
}

const busyWait = 5000 // milliseconds that a connection waits for a lock

func dsn(path string, q url.Values, vfs string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("resolve %s: %w", path, err)
	}
	q.Set("_busy_timeout", strconv.Itoa(busyWait))
	q.Set("_defensive", "1")
	q.Set("_dqs", "0")
	q.Set("_error_rc", "1")
	if vfs != "" {
		q.Set("vfs", vfs)
	}
	// The path is escaped part by part: a '?' or '%' in it is part of a name.
	parts := strings.Split(filepath.ToSlash(abs), "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return "file:" + strings.Join(parts, "/") + "?" + q.Encode(), nil
}
