-- The newest row of each activity and imported source, of the activities that $shards hold. $all: the shards of every year; $imported: the
-- sources; {same}: whether gold's row and this one are equal.
MERGE INTO imported_activities AS gold
USING (
    SELECT * EXCLUDE (edited_at, deleted_at)
    FROM read_parquet($all, hive_partitioning = false)
    SEMI JOIN (
        SELECT id FROM read_parquet($shards, hive_partitioning = false) WHERE list_contains($imported, source)
    ) USING (id)
    WHERE list_contains($imported, source)
    QUALIFY row_number() OVER (PARTITION BY id, source ORDER BY ingestion_ts DESC, content_hash DESC, year DESC) = 1
) AS shard
ON gold.id = shard.id AND gold.source = shard.source
WHEN MATCHED AND NOT ({same}) THEN UPDATE BY NAME
WHEN NOT MATCHED THEN INSERT BY NAME
