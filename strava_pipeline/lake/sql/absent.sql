-- The activities that proofs of absence hold for, each with these, earliest first. $proofs: a staged Parquet file.
WITH proofs AS (
    SELECT * FROM read_parquet($proofs)
),
hits AS (
    SELECT seen.id, seen.year, seen.athlete_id, proof.number, proof.athlete_id AS of_athlete
    FROM sightings AS seen
    JOIN proofs AS proof
        ON seen.last_at < proof.began_at
        AND seen.start > proof.after
        AND seen.start < proof.before
    WHERE proof.activity_id IS NULL
    UNION ALL
    SELECT seen.id, seen.year, seen.athlete_id, proof.number, proof.athlete_id
    FROM sightings AS seen
    JOIN proofs AS proof ON proof.activity_id = seen.id
    WHERE seen.last_at < proof.began_at
)
SELECT id, year, list(number ORDER BY number)
FROM hits
WHERE of_athlete IS NULL OR athlete_id IS NULL OR of_athlete = athlete_id
GROUP BY id, year
