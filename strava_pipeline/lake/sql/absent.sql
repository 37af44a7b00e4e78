-- The activities that proofs of absence hold for, each with these, earliest first. $proofs: a staged Parquet file.
SELECT seen.id, seen.year, list(proof.number ORDER BY proof.number)
FROM sightings AS seen
JOIN read_parquet($proofs) AS proof
    ON seen.last_at < proof.began_at
    AND seen.start > proof.after
    AND seen.start < proof.before
WHERE proof.athlete_id IS NULL OR seen.athlete_id IS NULL OR proof.athlete_id = seen.athlete_id
GROUP BY seen.id, seen.year
