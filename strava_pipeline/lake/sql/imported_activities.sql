-- The newest row of each activity and imported source, of the activities that $shards hold. $all: the shards that may hold more of them;
-- $imported: the sources.
SELECT * EXCLUDE (edited_at, deleted_at)
FROM read_parquet($all, hive_partitioning = false)
SEMI JOIN (
    SELECT id FROM read_parquet($shards, hive_partitioning = false) WHERE list_contains($imported, source)
) USING (id)
WHERE list_contains($imported, source)
QUALIFY row_number() OVER (PARTITION BY id, source ORDER BY ingestion_ts DESC, content_hash DESC, year DESC) = 1
