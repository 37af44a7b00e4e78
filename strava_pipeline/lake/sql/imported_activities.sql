-- The newest row of each activity and imported source, of the activities that have one in $years. $all: the shards that may have one;
-- $imported: the sources.
SELECT * EXCLUDE (edited_at, deleted_at)
FROM read_parquet($all, hive_partitioning = false)
SEMI JOIN (
    SELECT id FROM read_parquet($all, hive_partitioning = false) WHERE list_contains($years, year) AND list_contains($imported, source)
    UNION
    SELECT id FROM imported_activities WHERE list_contains($years, year)
) USING (id)
WHERE list_contains($imported, source)
QUALIFY row_number() OVER (PARTITION BY id, source ORDER BY ingestion_ts DESC, content_hash DESC, year DESC) = 1
