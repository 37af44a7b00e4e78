-- The newest row of each activity and imported source in the shards of some years. $shards, $others, $imported: as in
-- merge_activities.
MERGE INTO imported_activities AS gold
USING (
    SELECT * EXCLUDE (edited_at, deleted_at)
    FROM read_parquet(list_concat($shards, $others), hive_partitioning = false)
    SEMI JOIN (
        SELECT id FROM read_parquet($shards, hive_partitioning = false) WHERE list_contains($imported, source)
    ) USING (id)
    WHERE list_contains($imported, source)
    QUALIFY row_number() OVER (PARTITION BY id, source ORDER BY ingestion_ts DESC, content_hash DESC, year DESC) = 1
) AS shard
ON gold.id = shard.id AND gold.source = shard.source
WHEN MATCHED AND (gold.ingestion_ts, gold.content_hash, gold.year, gold.athlete_id)
    IS DISTINCT FROM (shard.ingestion_ts, shard.content_hash, shard.year, shard.athlete_id) THEN UPDATE BY NAME
WHEN NOT MATCHED THEN INSERT BY NAME
RETURNING merge_action
