-- The tables of what was read of each trip.
CREATE TABLE notes (name VARCHAR, value VARCHAR);
-- a row for each trip of the source; `number`: its id, if that is a whole number
CREATE TABLE trips (
    trip_id VARCHAR, external_id VARCHAR, year INTEGER, started DOUBLE, number BIGINT, points BIGINT, key VARCHAR, content UHUGEINT,
    present BOOLEAN, chosen BOOLEAN,
    read_content UHUGEINT, read_salt UHUGEINT, tried VARCHAR, opened VARCHAR, sealed BLOB, digest BLOB,
    stored VARCHAR, label VARCHAR, verdicts VARCHAR
);
-- the rows that were saved of trips; `outdated`: the trip was read since then, by who saves no rows
CREATE TABLE kept (external_id VARCHAR, year INTEGER, deleted BOOLEAN, outdated BOOLEAN);
-- what the router answered
CREATE TABLE routes (external_id VARCHAR, asked BLOB, metres DOUBLE)
