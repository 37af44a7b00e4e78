-- When each version came of those activities of $shards of which the history holds others. $others: files of the years that ever
-- held some of the same activities; $years: of a version that stands in two, the one of these is taken;
-- $sources: best first, of one activity's only the best one's versions count. What they hold is for insert_*_versions.sql to say.
CREATE OR REPLACE TEMP TABLE versions AS
WITH best AS (
    SELECT id, year, athlete_id, source, ingestion_ts, content_hash
    FROM read_parquet(list_concat($shards, $others), hive_partitioning = false)
    SEMI JOIN (SELECT id FROM read_parquet($shards, hive_partitioning = false)) USING (id)
    QUALIFY list_position($sources, source) IS NOT DISTINCT FROM min(list_position($sources, source)) OVER (PARTITION BY id)
),
said AS (
    SELECT *
    FROM best
    QUALIFY row_number() OVER (
        PARTITION BY id, ingestion_ts ORDER BY content_hash DESC, NOT list_contains($years, year), year DESC
    ) = 1
),
changes AS (
    SELECT *
    FROM said
    QUALIFY lag(content_hash) OVER (PARTITION BY id ORDER BY ingestion_ts) IS DISTINCT FROM content_hash
),
lacking AS (
    SELECT id
    FROM (SELECT id, count(*) AS versions, sum(epoch_us(ingestion_ts)) AS moments FROM changes GROUP BY id)
    ANTI JOIN (
        SELECT activity_id AS id, count(*) AS versions, sum(epoch_us(valid_from)) AS moments
        FROM activity_history
        GROUP BY activity_id
    ) USING (id, versions, moments)
)
SELECT
    id,
    year,
    athlete_id,
    source,
    ingestion_ts,
    content_hash,
    row_number() OVER in_order AS version,
    lead(ingestion_ts) OVER in_order AS valid_to,
    lag(ingestion_ts) OVER in_order AS came_before
FROM changes
SEMI JOIN lacking USING (id)
WINDOW in_order AS (PARTITION BY id ORDER BY ingestion_ts)
