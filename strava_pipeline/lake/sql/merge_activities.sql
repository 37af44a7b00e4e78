-- The newest version of each activity in the shards of $years becomes its row. $shards: the years' files; $others: those
-- of the years that ever held some of the same activities (their local year was edited), so that whichever year is merged
-- last, the newest sighting wins and every edit is seen; $sources: best first, of one activity's only the best one's rows
-- count; $imported: those of them that come by import; $force: also where nothing changed (recompact); $believed: when pages came, where not every
-- time is believed; a row of another moment was merged under a wrong one. Which row that is follows from a few columns; the others are read
-- of the chosen rows only.
-- Whether it is gone from the source is not for this to say.
MERGE INTO activities_all AS gold
USING (
    WITH said AS (
        SELECT id, source, year, ingestion_ts, content_hash, fingerprint, filename, file_row_number
        FROM read_parquet(list_concat($shards, $others), hive_partitioning = false)
        SEMI JOIN (SELECT id FROM read_parquet($shards, hive_partitioning = false)) USING (id)
        QUALIFY list_position($sources, source) IS NOT DISTINCT FROM min(list_position($sources, source)) OVER (PARTITION BY id)
    ),
    seen AS (
        SELECT
            *,
            lag(content_hash) OVER in_order AS previous_content,
            lag(fingerprint) OVER in_order AS previous_fingerprint
        FROM said
        WINDOW in_order AS (PARTITION BY id ORDER BY ingestion_ts, content_hash, NOT list_contains($years, year), year DESC)
    ),
    versions AS (
        SELECT
            *,
            max(ingestion_ts) FILTER (previous_fingerprint IS DISTINCT FROM fingerprint)
                OVER (PARTITION BY id ORDER BY ingestion_ts) AS fingerprint_since
        FROM seen
    ),
    newest AS (
        SELECT filename AS of_file, file_row_number AS of_row, fingerprint_since
        FROM versions
        WHERE previous_content IS DISTINCT FROM content_hash
        QUALIFY row_number() OVER (PARTITION BY id ORDER BY ingestion_ts DESC, content_hash DESC) = 1
    )
    SELECT * EXCLUDE (of_file, of_row, fingerprint_since, deleted_at) REPLACE (fingerprint_since AS edited_at)
    FROM read_parquet(list_concat($shards, $others), hive_partitioning = false) AS whole
    JOIN newest ON newest.of_file = whole.filename AND newest.of_row = whole.file_row_number
) AS shard
ON gold.id = shard.id
WHEN MATCHED AND (
    shard.ingestion_ts > gold.ingestion_ts
    OR (
        NOT list_contains($imported, gold.source)
        AND shard.ingestion_ts <> gold.ingestion_ts
        AND len($believed) > 0
        AND NOT list_contains($believed::TIMESTAMPTZ[], gold.ingestion_ts)
    )
    OR shard.source <> gold.source
    OR (list_contains($imported, shard.source) AND shard.ingestion_ts <> gold.ingestion_ts)  -- an older archive may come later
    OR (shard.ingestion_ts = gold.ingestion_ts AND ($force OR shard.year <> gold.year OR shard.edited_at IS DISTINCT FROM gold.edited_at))
) THEN UPDATE BY NAME
WHEN NOT MATCHED THEN INSERT BY NAME
RETURNING merge_action
