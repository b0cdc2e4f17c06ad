-- +goose Up

-- What modules keep for themselves. space names the kind and the module.
CREATE TABLE state (
  tenant TEXT NOT NULL DEFAULT 'default',
  space  TEXT NOT NULL,
  key    TEXT NOT NULL,
  value  BLOB NOT NULL,
  PRIMARY KEY (tenant, space, key)
) STRICT, WITHOUT ROWID;

-- The host calls of evaluations that led to a decision. Decisions name them by
-- the hash of the body, so that those of one evaluation share one row.
CREATE TABLE transcripts (
  seq    INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL DEFAULT 'default',
  hash   TEXT NOT NULL UNIQUE,
  body   TEXT NOT NULL
) STRICT;
