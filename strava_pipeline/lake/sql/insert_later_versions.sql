-- The later versions of the activities in `versions`, each with what it changed. Of these the rows are read again,
-- from $shards and $others as for incoming_versions. {differing}: the names of the columns that differ, else NULL; {before}: with
-- what they were before, as JSON.
INSERT INTO activity_history BY NAME
WITH edited AS (
    SELECT shard.*
    FROM read_parquet(list_concat($shards, $others), hive_partitioning = false) AS shard
    SEMI JOIN (
        SELECT * FROM versions SEMI JOIN (SELECT id FROM versions WHERE version > 1) USING (id)
    ) USING (id, year, source, ingestion_ts, content_hash)
    QUALIFY row_number() OVER (PARTITION BY id, ingestion_ts) = 1
)
SELECT
    known.id AS activity_id,
    known.version,
    known.athlete_id,
    known.source,
    known.ingestion_ts AS valid_from,
    known.valid_to,
    list_filter([{differing}], lambda name: name IS NOT NULL) AS changed_fields,
    to_json(map_from_entries(list_filter([{before}], lambda entry: entry IS NOT NULL))) AS previous
FROM versions AS known
LEFT JOIN edited AS later ON later.id = known.id AND later.ingestion_ts = known.ingestion_ts
LEFT JOIN edited AS earlier ON earlier.id = known.id AND earlier.ingestion_ts = known.came_before
WHERE known.version > 1
