-- +goose Up

-- What people hold new actions back with. A row whose body cannot be read counts
-- as in force for everything.
CREATE TABLE pauses (
  id        TEXT PRIMARY KEY,
  tenant    TEXT NOT NULL DEFAULT 'default',
  principal TEXT NOT NULL DEFAULT '',
  body      TEXT NOT NULL
) STRICT;

CREATE TABLE maintenance (
  name      TEXT PRIMARY KEY,
  tenant    TEXT NOT NULL DEFAULT 'default',
  principal TEXT NOT NULL DEFAULT '',
  body      TEXT NOT NULL
) STRICT;
