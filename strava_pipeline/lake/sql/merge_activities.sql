-- The newest version of each activity in `versions` is its row. $files: the shards that hold it; {same}: whether gold's row and this one are
-- equal; $believed: when pages came, where not every time is believed: a row of another moment came under a wrong one.
-- A newer row whose shard is lost stays. Whether an activity is gone from the source is not for this to say.
MERGE INTO activities_all AS gold
USING (
    SELECT whole.* EXCLUDE (deleted_at) REPLACE (newest.edited_at AS edited_at, newest.last_account AS account)
    FROM read_parquet($files, hive_partitioning = false) AS whole
    JOIN versions AS newest ON newest.file = whole.filename AND newest.place = whole.file_row_number
    WHERE newest.ended_at IS NULL AND list_contains($years, newest.newest_year)
) AS shard
ON gold.id = shard.id
WHEN MATCHED AND NOT ({same}) AND (
    shard.ingestion_ts >= gold.ingestion_ts
    OR shard.source <> gold.source
    OR list_contains($imported, shard.source)  -- an older archive may come later
    OR (len($believed) > 0 AND NOT list_contains($believed::TIMESTAMPTZ[], gold.ingestion_ts))
) THEN UPDATE BY NAME
WHEN NOT MATCHED THEN INSERT BY NAME
RETURNING merge_action
