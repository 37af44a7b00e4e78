-- The newest version of each activity in one year's shards becomes its row. $shards: list of files; $force: also
-- where nothing changed (recompact). A version that is older than the row never wins: an activity whose local year
-- was edited stands in two years' shards.
MERGE INTO activities_all AS gold
USING (
    WITH seen AS (
        SELECT
            *,
            lag(content_hash) OVER in_order AS previous_content,
            lag(fingerprint) OVER in_order AS previous_fingerprint
        FROM read_parquet($shards, hive_partitioning = false)
        WINDOW in_order AS (PARTITION BY id ORDER BY ingestion_ts)
    ),
    versions AS (
        SELECT
            *,
            max(ingestion_ts) FILTER (previous_fingerprint IS DISTINCT FROM fingerprint)
                OVER (PARTITION BY id ORDER BY ingestion_ts) AS fingerprint_since
        FROM seen
    )
    SELECT * EXCLUDE (previous_content, previous_fingerprint, fingerprint_since) REPLACE (fingerprint_since AS edited_at)
    FROM versions
    WHERE previous_content IS DISTINCT FROM content_hash
    QUALIFY row_number() OVER (PARTITION BY id ORDER BY ingestion_ts DESC) = 1
) AS shard
ON gold.id = shard.id
WHEN MATCHED AND (
    (shard.ingestion_ts > gold.ingestion_ts AND (shard.content_hash, shard.year) IS DISTINCT FROM (gold.content_hash, gold.year))
    OR ($force AND shard.ingestion_ts = gold.ingestion_ts)
) THEN UPDATE BY NAME
WHEN NOT MATCHED THEN INSERT BY NAME
RETURNING merge_action
