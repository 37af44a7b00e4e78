-- Notes what was read; $rows: a file. Without an answer of the router a trip is due again.
UPDATE trips
SET
    read_content = CASE WHEN is_answered THEN content ELSE 0 END, read_salt = md5_number($salt), tried = found.tried, opened = found.opened,
    sealed = found.sealed, digest = found.digest, stored = found.stored, label = found.label, verdicts = found.verdicts
FROM read_parquet($rows) AS found
WHERE found.id = trips.trip_id
