-- +goose Up

-- Sealed history. A block is a set of pages made at once; only a live one is
-- read. first is the number of the first sample of the log that it covers.
CREATE TABLE blocks (
  id       INTEGER PRIMARY KEY,
  tenant   TEXT NOT NULL DEFAULT 'default',
  level    INTEGER NOT NULL,
  first    INTEGER NOT NULL,
  min_time INTEGER NOT NULL,
  max_time INTEGER NOT NULL,
  samples  INTEGER NOT NULL,
  bytes    INTEGER NOT NULL,
  live     INTEGER NOT NULL
) STRICT;

-- Compressed chunks of many series, in order of series within a block;
-- checksum is the CRC-32C of data. Times are unix nanoseconds.
CREATE TABLE pages (
  id         INTEGER PRIMARY KEY,
  block      INTEGER NOT NULL REFERENCES blocks (id),
  min_series INTEGER NOT NULL,
  max_series INTEGER NOT NULL,
  min_time   INTEGER NOT NULL,
  max_time   INTEGER NOT NULL,
  samples    INTEGER NOT NULL,
  checksum   INTEGER NOT NULL,
  data       BLOB NOT NULL
) STRICT;
CREATE INDEX pages_of ON pages (block, min_series, max_series, min_time, max_time, samples);

-- How much of the log is in blocks: rows up to id, and their samples. It has
-- one row, and outlives the rows it speaks of, so that no id is given twice.
CREATE TABLE log_sealed (
  one     INTEGER PRIMARY KEY CHECK (one = 1),
  upto    INTEGER NOT NULL,
  samples INTEGER NOT NULL
) STRICT;
INSERT INTO log_sealed VALUES (1, 0, 0);

-- Rows of the log that did not match their checksum when they were sealed,
-- kept for a person.
CREATE TABLE log_aside (
  id       INTEGER PRIMARY KEY,
  checksum INTEGER NOT NULL,
  batch    BLOB NOT NULL
) STRICT;
