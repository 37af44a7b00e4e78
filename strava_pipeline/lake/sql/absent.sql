-- The activities that proofs of absence hold for, each with these, earliest first; what one login shows proves nothing of another's. $proofs: a staged Parquet file.
WITH proofs AS (
    SELECT * FROM read_parquet($proofs)
),
hits AS (
    SELECT seen.id, seen.year, seen.athlete_id, seen.account, proof.number,
        proof.athlete_id AS of_athlete, proof.account AS of_account
    FROM sightings AS seen
    JOIN proofs AS proof
        ON seen.last_at < proof.began_at
        AND seen.start > proof.after
        AND seen.start < proof.before
    WHERE proof.activity_id IS NULL
    UNION ALL
    SELECT seen.id, seen.year, seen.athlete_id, seen.account, proof.number, proof.athlete_id, proof.account
    FROM sightings AS seen
    JOIN proofs AS proof ON proof.activity_id = seen.id
    WHERE seen.last_at < proof.began_at
)
SELECT id, year, list(number ORDER BY number)
FROM hits
WHERE (of_athlete IS NULL OR athlete_id IS NULL OR of_athlete = athlete_id)
  AND (of_account IS NULL OR account IS NULL OR of_account = account)
GROUP BY id, year
