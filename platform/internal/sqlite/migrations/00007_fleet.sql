-- +goose Up

-- What else guards must remember of a target: what did not heal it, and what a
-- person said of it.
ALTER TABLE targets ADD COLUMN body TEXT NOT NULL DEFAULT '{}';

-- What guards must remember of a policy (policy:NAME), of a group (group:GROUP)
-- and of all policies together (tenant): token buckets, failures, breakers.
CREATE TABLE guards (
  name   TEXT PRIMARY KEY,
  tenant TEXT NOT NULL DEFAULT 'default',
  body   TEXT NOT NULL
) STRICT;

-- The targets that each policy knows. seen_at is when one was last heard of, to
-- the hour, in unix nanoseconds.
CREATE TABLE inventory (
  policy    TEXT NOT NULL,
  target    TEXT NOT NULL,
  tenant    TEXT NOT NULL DEFAULT 'default',
  in_group  TEXT NOT NULL,
  seen_at   INTEGER NOT NULL,
  PRIMARY KEY (policy, target)
) STRICT, WITHOUT ROWID;
