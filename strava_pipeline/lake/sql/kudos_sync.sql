-- Details never show fewer kudos than the listing showed since they were fetched. Raise only. Read from the shards, which
-- keep every version, so that a rebuild finds the same however often this ran. $shards: files of $years, a list of partitions.
UPDATE activity_details_by_source AS held
SET kudos_count = listed.most
FROM (
    WITH said AS (
        SELECT id, kudos_count, lead(ingestion_ts) OVER (PARTITION BY id ORDER BY ingestion_ts) AS until
        FROM read_parquet($shards, hive_partitioning = false)
        WHERE source = $source
    )
    SELECT said.id, max(said.kudos_count) AS most
    FROM said
    JOIN activities_all AS activity ON activity.id = said.id
    JOIN activity_details_by_source AS detail ON detail.activity_id = said.id
    WHERE activity.year IN (SELECT unnest($years))
      AND (said.until IS NULL OR said.until > detail.fetched_at)
    GROUP BY said.id
) AS listed
WHERE listed.id = held.activity_id
  AND listed.most > coalesce(held.kudos_count, -1)
