-- +goose Up

-- What people are told: one row per message and channel, written with what
-- caused it. due_at is unix nanoseconds.
CREATE TABLE notices (
  seq     INTEGER PRIMARY KEY,
  id      TEXT NOT NULL UNIQUE,
  tenant  TEXT NOT NULL DEFAULT 'default',
  channel TEXT NOT NULL,
  key     TEXT NOT NULL,
  state   TEXT NOT NULL,
  due_at  INTEGER NOT NULL,
  body    TEXT NOT NULL
) STRICT;
CREATE INDEX notices_waiting ON notices (channel, key, seq) WHERE state = 'pending';

-- Troubles that a channel was told of and not yet told the end of.
CREATE TABLE notices_open (
  tenant  TEXT NOT NULL DEFAULT 'default',
  channel TEXT NOT NULL,
  key     TEXT NOT NULL,
  episode TEXT NOT NULL,
  PRIMARY KEY (key, channel)
) STRICT, WITHOUT ROWID;
CREATE INDEX notices_open_episode ON notices_open (episode);
