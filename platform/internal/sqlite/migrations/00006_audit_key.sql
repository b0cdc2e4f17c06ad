-- +goose Up

-- How a record's link was made, and with which key; '' for records from before
-- there were keys.
ALTER TABLE audit ADD COLUMN alg TEXT NOT NULL DEFAULT '';
