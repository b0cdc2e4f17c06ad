-- +goose Up

-- When a series was last seen, unix nanoseconds: none of its samples is much
-- newer. What is long past retention is forgotten by it.
ALTER TABLE series ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;
UPDATE series SET seen = CAST(strftime('%s', 'now') AS INTEGER) * 1000000000;
