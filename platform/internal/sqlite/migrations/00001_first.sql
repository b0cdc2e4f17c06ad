-- +goose Up

-- Every series ever seen. The id is given by the metric store; labels is a
-- JSON object with its keys in order.
CREATE TABLE series (
  id     INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL DEFAULT 'default',
  name   TEXT NOT NULL,
  labels TEXT NOT NULL
) STRICT;

-- The metric log: one row per group commit. first counts the samples in
-- earlier rows, so that every sample has a number; batch is an opaque columnar
-- blob and checksum its CRC-32C. Times are unix nanoseconds.
CREATE TABLE log (
  id       INTEGER PRIMARY KEY,
  tenant   TEXT NOT NULL DEFAULT 'default',
  first    INTEGER NOT NULL,
  samples  INTEGER NOT NULL,
  min_time INTEGER NOT NULL,
  max_time INTEGER NOT NULL,
  size     INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  batch    BLOB NOT NULL
) STRICT;
CREATE INDEX log_time ON log (max_time, min_time, size);

CREATE TABLE modules (
  seq       INTEGER PRIMARY KEY,
  digest    TEXT NOT NULL UNIQUE,
  tenant    TEXT NOT NULL DEFAULT 'default',
  principal TEXT NOT NULL DEFAULT '',
  name      TEXT NOT NULL,
  version   TEXT NOT NULL,
  body      TEXT NOT NULL,
  manifest  TEXT NOT NULL,
  wasm      BLOB NOT NULL
) STRICT;

CREATE TABLE grants (
  seq       INTEGER PRIMARY KEY,
  id        TEXT NOT NULL UNIQUE,
  tenant    TEXT NOT NULL DEFAULT 'default',
  principal TEXT NOT NULL DEFAULT '',
  digest    TEXT NOT NULL REFERENCES modules (digest),
  body      TEXT NOT NULL
) STRICT;

CREATE TABLE policies (
  name      TEXT PRIMARY KEY,
  tenant    TEXT NOT NULL DEFAULT 'default',
  principal TEXT NOT NULL DEFAULT '',
  revision  INTEGER NOT NULL,
  body      TEXT NOT NULL
) STRICT;

CREATE TABLE episodes (
  seq    INTEGER PRIMARY KEY,
  id     TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL DEFAULT 'default',
  policy TEXT NOT NULL,
  target TEXT NOT NULL,
  state  TEXT NOT NULL,
  body   TEXT NOT NULL
) STRICT;
CREATE INDEX episodes_open ON episodes (seq) WHERE state <> 'resolved';

CREATE TABLE decisions (
  seq     INTEGER PRIMARY KEY,
  id      TEXT NOT NULL UNIQUE,
  tenant  TEXT NOT NULL DEFAULT 'default',
  policy  TEXT NOT NULL,
  target  TEXT NOT NULL,
  verdict TEXT NOT NULL,
  body    TEXT NOT NULL
) STRICT;
CREATE INDEX decisions_policy ON decisions (policy, seq);

-- A remediation is open while its state is not final, and a target has at most
-- one open remediation.
CREATE TABLE remediations (
  seq        INTEGER PRIMARY KEY,
  id         TEXT NOT NULL UNIQUE,
  tenant     TEXT NOT NULL DEFAULT 'default',
  principal  TEXT NOT NULL DEFAULT '',
  policy     TEXT NOT NULL,
  target     TEXT NOT NULL,
  state      TEXT NOT NULL,
  open       INTEGER NOT NULL,
  version    INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  body       TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX remediations_open ON remediations (target) WHERE open = 1;

-- The attempts of a remediation in the seed's words, one row each; n is 0 for
-- a remediation that has none yet.
CREATE TABLE attempts (
  remediation TEXT NOT NULL REFERENCES remediations (id),
  n           INTEGER NOT NULL,
  tenant      TEXT NOT NULL DEFAULT 'default',
  principal   TEXT NOT NULL DEFAULT '',
  id          TEXT NOT NULL,
  target      TEXT NOT NULL,
  action      TEXT NOT NULL,
  status      TEXT NOT NULL,
  details     TEXT NOT NULL,
  started_at  TEXT NOT NULL,
  PRIMARY KEY (remediation, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_started ON attempts (started_at);

-- What guards must remember of a target.
CREATE TABLE targets (
  target     TEXT PRIMARY KEY,
  tenant     TEXT NOT NULL DEFAULT 'default',
  fence      INTEGER NOT NULL,
  deeds      TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;

-- Records others posted to the seed's /actions.
CREATE TABLE posted_actions (
  seq        INTEGER PRIMARY KEY,
  id         TEXT NOT NULL UNIQUE,
  tenant     TEXT NOT NULL DEFAULT 'default',
  principal  TEXT NOT NULL DEFAULT '',
  target     TEXT NOT NULL,
  action     TEXT NOT NULL,
  status     TEXT NOT NULL,
  details    TEXT NOT NULL,
  started_at TEXT NOT NULL
) STRICT;
CREATE INDEX posted_actions_started ON posted_actions (started_at);

CREATE VIEW actions (id, target, action, status, details, started_at) AS
  SELECT id, target, action, status, details, started_at FROM attempts
  UNION ALL
  SELECT id, target, action, status, details, started_at FROM posted_actions;

CREATE TABLE settings (
  key        TEXT PRIMARY KEY,
  tenant     TEXT NOT NULL DEFAULT 'default',
  principal  TEXT NOT NULL DEFAULT '',
  body       TEXT NOT NULL
) STRICT;

-- The audit chain: at is unix nanoseconds, so that a record reads back as it
-- was hashed.
CREATE TABLE audit (
  seq        INTEGER PRIMARY KEY,
  tenant     TEXT NOT NULL DEFAULT 'default',
  principal  TEXT NOT NULL,
  at         INTEGER NOT NULL,
  verb       TEXT NOT NULL,
  object     TEXT NOT NULL,
  target     TEXT NOT NULL,
  from_state TEXT NOT NULL,
  to_state   TEXT NOT NULL,
  message    TEXT NOT NULL,
  detail     BLOB,
  chain      TEXT NOT NULL
) STRICT;
CREATE INDEX audit_object ON audit (object, seq);

-- +goose StatementBegin
CREATE TRIGGER audit_keeps BEFORE DELETE ON audit
BEGIN
  SELECT RAISE(ABORT, 'the audit log is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
BEGIN
  SELECT RAISE(ABORT, 'the audit log is append-only');
END;
-- +goose StatementEnd
